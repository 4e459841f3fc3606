/** The choice of the language; each is written in itself. */
import { language, setLanguage, t, type Language } from "../i18n";

const NAMES: [Language, string][] = [["en", "English"], ["zh", "中文"]];

export function LanguageChoice() {
  return (
    <div class="languages" role="group" aria-label={t("app.language")}>
      {NAMES.map(([code, name]) => (
        <button key={code} type="button" lang={code} class="language" data-testid={`language-${code}`} aria-pressed={language.value === code}
          onClick={() => setLanguage(code)}>
          {name}
        </button>
      ))}
    </div>
  );
}
