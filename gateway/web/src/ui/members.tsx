/** The members of a room, and what may be done about them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t, type Key } from "../i18n";
import type { Asking, Member } from "../protocol/frames";
import { MANY_MEMBERS } from "../store/upkeep";
import { mayManage, outranks, type Room } from "../store/room";
import { Avatar } from "./avatar";
import { Confirm, ErrorLine, useAction } from "./dialog";
import { Field } from "./field";
import { CloseIcon, MoreIcon } from "./icons";
import { namesOf } from "./newdialog";
import { go } from "./route";
import { engine, me, useRoom } from "./state";

const RANKS = ["owner", "admin", "member", "none"];
const ROLES: Record<Member["role"], Key> = { owner: "role.owner", admin: "role.admin", member: "role.member", none: "role.none" };

/** Carry something out in a room, then list its members anew. */
async function act(room: Room, asking: Asking): Promise<void> {
  await engine.value?.ask(asking);
  await engine.value?.chat.upkeep.listMembers(room.id, MANY_MEMBERS);
}

export function MembersPanel({ room, onClose }: { room: Room; onClose: () => void }) {
  void useRoom(room.id);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    close.current?.focus();
    void engine.value?.chat.upkeep.listMembers(room.id, MANY_MEMBERS);
  }, [room]);
  const members = [...(room.members ?? [])].sort((a, b) => RANKS.indexOf(a.role) - RANKS.indexOf(b.role) || a.display.localeCompare(b.display));
  const hidden = room.memberCount - members.length;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.defaultPrevented) onClose();
  };
  return (
    <aside class="panel" aria-label={t("room.members")} data-testid="members-panel" onKeyDown={onKeyDown}>
      <header class="panel-head">
        <h2>{t("room.members")}{room.memberCount > 0 && <small>{room.memberCount}</small>}</h2>
        <button type="button" class="icon-button" ref={close} aria-label={t("app.close")} data-testid="members-close" onClick={onClose}><CloseIcon /></button>
      </header>
      {(mayManage(room) || room.public) && <Invite room={room} />}
      <ul class="members">
        {members.map((member) => <MemberItem key={member.user} room={room} member={member} />)}
      </ul>
      {hidden > 0 && <p class="hint">{t("members.more", { count: hidden })}</p>}
    </aside>
  );
}

function Invite({ room }: { room: Room }) {
  const [user, setUser] = useState("");
  const [invited, setInvited] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    const name = namesOf(user)[0];
    setInvited("");
    if (name) void run(async () => {
      await act(room, { t: "invite", room: room.id, user: name });
      setInvited(name);
      setUser("");
    });
  };
  return (
    <form class="invite" onSubmit={submit}>
      <Field label={t("members.invite")} testid="invite-user" value={user} onValue={setUser} required maxLength={40} autocapitalize="none"
        autocomplete="off" spellcheck={false} />
      <button class="button" data-testid="invite-submit" disabled={busy}>{t("members.invite.submit")}</button>
      <ErrorLine text={error} />
      {invited && <p class="hint" role="status">{t("members.invited", { name: invited })}</p>}
    </form>
  );
}

type Pending = { title: string; text: string; asking: Asking } | undefined;

function MemberItem({ room, member }: { room: Room; member: Member }) {
  const [isOpen, setOpen] = useState(false);
  const [pending, setPending] = useState<Pending>();
  const { busy, error, run } = useAction();
  const isMe = member.user === me();
  const actions = <MemberActions room={room} member={member} busy={busy} ask={setPending} run={(asking) => void run(() => act(room, asking))} />;
  return (
    <li class="member" data-testid="member" data-user={member.user} data-role={member.role}>
      <div class="member-row">
        <Avatar name={member.user} title={member.display} size="s" />
        <span class="member-names">
          <strong>{member.display}{isMe && <em> · {t("app.you")}</em>}</strong>
          <small>@{member.user}</small>
        </span>
        {member.role !== "member" && <span class={`role role-${member.role}`}>{t(ROLES[member.role])}</span>}
        {!isMe && (
          <button type="button" class="icon-button" aria-expanded={isOpen} aria-label={t("members.actions", { name: member.display })}
            data-testid="member-actions" onClick={() => setOpen(!isOpen)}>
            <MoreIcon />
          </button>
        )}
      </div>
      {isOpen && <div class="member-actions">{actions}</div>}
      <ErrorLine text={error} />
      {pending && (
        <Confirm title={pending.title} text={pending.text} yes={pending.title} onYes={() => act(room, pending.asking)} onClose={() => setPending(undefined)} />
      )}
    </li>
  );
}

interface ActionProps {
  room: Room;
  member: Member;
  busy: boolean;
  run: (asking: Asking) => void;
  ask: (pending: Pending) => void;
}

function MemberActions({ room, member, busy, run, ask }: ActionProps) {
  const { user, display } = member;
  const isOwner = room.role === "owner";
  const setRole = (role: Member["role"]): Asking => ({ t: "role", room: room.id, user, role });
  const message = async (): Promise<void> => {
    const id = await engine.value?.askRoom({ t: "direct", user });
    if (id) go(id);
  };
  const { error, run: open } = useAction();
  return (
    <>
      <button type="button" class="button button-small" data-testid="member-message" onClick={() => void open(message)}>{t("members.message")}</button>
      {isOwner && member.role === "member" && (
        <button type="button" class="button button-small" data-testid="member-admin" disabled={busy} onClick={() => run(setRole("admin"))}>{t("members.makeAdmin")}</button>
      )}
      {isOwner && member.role === "admin" && (
        <button type="button" class="button button-small" data-testid="member-demote" disabled={busy} onClick={() => run(setRole("member"))}>{t("members.makeMember")}</button>
      )}
      {isOwner && (
        <button type="button" class="button button-small" data-testid="member-owner"
          onClick={() => ask({ title: t("members.makeOwner"), text: t("members.makeOwner.ask", { name: display }), asking: setRole("owner") })}>
          {t("members.makeOwner")}
        </button>
      )}
      {outranks(room.role, member.role) && (
        <button type="button" class="button button-small button-quiet-danger" data-testid="member-kick"
          onClick={() => ask({ title: t("members.kick"), text: t("members.kick.ask", { name: display }), asking: { t: "kick", room: room.id, user } })}>
          {t("members.kick")}
        </button>
      )}
      <ErrorLine text={error} />
    </>
  );
}

