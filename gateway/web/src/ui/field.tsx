/** A labelled input with its hint. */
import type { InputHTMLAttributes } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { EyeIcon, EyeOffIcon } from "./icons";

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "onInput" | "value"> {
  label: string;
  testid: string;
  value: string;
  onValue: (value: string) => void;
  hint?: string;
}

export function Field({ label, testid, value, onValue, hint, ...rest }: FieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (rest.autofocus) input.current?.focus(); // the attribute alone acts only once a page
  }, []);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...rest} ref={input} id={id} data-testid={testid} value={value} aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onValue(event.currentTarget.value)} />
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

export function PasswordField({ label, testid, value, onValue, hint, ...rest }: FieldProps) {
  const [isShown, setShown] = useState(false);
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="password">
        <input {...rest} id={id} type={isShown ? "text" : "password"} data-testid={testid} value={value}
          aria-describedby={hint ? `${id}-hint` : undefined} onInput={(event) => onValue(event.currentTarget.value)} />
        <button type="button" class="icon-button" aria-pressed={isShown} onClick={() => setShown(!isShown)}
          aria-label={t(isShown ? "login.hidePassword" : "login.showPassword")}>
          {isShown ? <EyeOffIcon /> : <EyeIcon />}
        </button>
      </div>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

export function Check({ label, testid, value, onValue, disabled }: { label: string; testid: string; value: boolean; onValue: (value: boolean) => void; disabled?: boolean }) {
  return (
    <label class="check">
      <input type="checkbox" data-testid={testid} checked={value} disabled={disabled} onChange={(event) => onValue(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}
