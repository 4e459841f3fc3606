/** The small lines for what happened to a room. */
import { t } from "../i18n";
import type { Entry } from "../protocol/frames";
import { happening } from "../store/room";
import { nameOf } from "./state";

const who = (user: string): string => nameOf(user);

function editText(entry: Entry): string {
  const told = happening(entry);
  const by = who(entry.user);
  if (told.name) return t("happened.edit.name", { who: by, name: told.name });
  if (told.topic !== undefined) {
    return told.topic ? t("happened.edit.topic", { who: by, topic: told.topic }) : t("happened.edit.topic.none", { who: by });
  }
  if (told.public !== undefined) return t(told.public ? "happened.edit.public" : "happened.edit.private", { who: by });
  return t("happened.edit", { who: by });
}

function roleText(entry: Entry): string {
  const { user = "", role } = happening(entry);
  const values = { who: who(entry.user), whom: who(user) };
  if (user === entry.user && role === "admin") return t("happened.role.self", values);
  if (role === "owner" || role === "admin" || role === "member") return t(`happened.role.${role}`, values);
  return t("happened.unknown", values);
}

export function happeningText(entry: Entry, isDirect: boolean): string {
  const told = happening(entry);
  const by = who(entry.user);
  const whom = told.user ?? "";
  switch (entry.kind) {
    case "create":
      if (isDirect) return t("happened.direct", { who: by });
      return told.name ? t("happened.create.named", { who: by, name: told.name }) : t("happened.create", { who: by });
    case "join":
      return whom && whom !== entry.user ? t("happened.add", { who: by, whom: who(whom) }) : t("happened.join", { who: by });
    case "leave":
      if (told.gone) return t("happened.gone");
      return t("happened.leave", { who: whom ? who(whom) : by });
    case "kick":
      return t("happened.kick", { who: by, whom: who(whom) });
    case "role":
      return roleText(entry);
    case "edit":
      return editText(entry);
    default:
      return t("happened.unknown", { who: by });
  }
}
