/** Sign up and log in. */
import { useState } from "preact/hooks";
import { answerStep, login, register, type LoginStep } from "../client/api";
import { t } from "../i18n";
import { ErrorLine, useAction } from "./dialog";
import { Field, PasswordField } from "./field";
import { Bird } from "./icons";
import { LanguageChoice } from "./language";
import { enter, wasLoggedOut } from "./state";

export function Entrance() {
  const [isNew, setNew] = useState(false);
  return (
    <main class="entrance">
      <div class="entrance-card">
        <header class="entrance-head">
          <Bird size={56} />
          <h1>{t("app.name")}</h1>
          <p>{t("app.tagline")}</p>
        </header>
        {wasLoggedOut.value && !isNew && <p class="notice" role="status">{t("login.ended")}</p>}
        {isNew ? <SignUp key="signup" /> : <LogIn key="login" />}
        <button type="button" class="text-button" data-testid="switch-form" onClick={() => setNew(!isNew)}>
          {t(isNew ? "signup.toLogin" : "login.toSignup")}
        </button>
      </div>
      <LanguageChoice />
    </main>
  );
}

/** People type their name with a capital and a phone adds spaces; names have neither. */
const nameOf = (text: string): string => text.trim().toLowerCase();

function LogIn() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [step, setStep] = useState<{ next: string; ticket: string }>();
  const { busy, error, run } = useAction();
  const take = async (answer: LoginStep): Promise<void> => {
    if ("credentials" in answer) await enter(answer.credentials);
    else setStep(answer);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => take(await login(nameOf(name), password)));
  };
  if (step) return <NextStep step={step} take={take} />;
  return (
    <form onSubmit={submit} data-testid="login-form" aria-label={t("login.title")}>
      <Field label={t("login.name")} testid="login-name" value={name} onValue={setName} name="username" required autofocus
        autocomplete="username" autocapitalize="none" spellcheck={false} />
      <PasswordField label={t("login.password")} testid="login-password" value={password} onValue={setPassword} name="password" required
        autocomplete="current-password" />
      <ErrorLine text={error} />
      <button class="button button-primary" data-testid="login-submit" disabled={busy}>{t(busy ? "app.working" : "login.submit")}</button>
    </form>
  );
}

function NextStep({ step, take }: { step: { next: string; ticket: string }; take: (answer: LoginStep) => Promise<void> }) {
  const [value, setValue] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => take(await answerStep(step.ticket, step.next, value.trim())));
  };
  return (
    <form onSubmit={submit} data-testid="factor-form">
      <Field label={t("login.factor")} testid="login-factor" value={value} onValue={setValue} required autofocus inputMode="numeric"
        autocomplete="one-time-code" hint={t("login.factor.hint", { next: step.next })} />
      <ErrorLine text={error} />
      <button class="button button-primary" data-testid="factor-submit" disabled={busy}>{t("login.continue")}</button>
    </form>
  );
}

function SignUp() {
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [password, setPassword] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => enter(await register(nameOf(name), display.trim(), password)));
  };
  return (
    <form onSubmit={submit} data-testid="signup-form" aria-label={t("signup.title")}>
      <Field label={t("login.name")} testid="signup-name" value={name} onValue={setName} name="username" required autofocus minLength={2}
        maxLength={32} autocomplete="username" autocapitalize="none" spellcheck={false} hint={t("signup.name.hint")} />
      <Field label={t("signup.display")} testid="signup-display" value={display} onValue={setDisplay} name="name" maxLength={100} autocomplete="name" />
      <PasswordField label={t("login.password")} testid="signup-password" value={password} onValue={setPassword} name="password" required
        minLength={8} maxLength={200} autocomplete="new-password" hint={t("signup.password.hint")} />
      <ErrorLine text={error} />
      <button class="button button-primary" data-testid="signup-submit" disabled={busy}>{t(busy ? "app.working" : "signup.submit")}</button>
    </form>
  );
}
