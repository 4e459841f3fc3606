/** One message, stored or not. Texts and names are always text nodes. */
import { Component } from "preact";
import { t, type Language } from "../i18n";
import { fullText, timeText } from "../i18n/time";
import type { OutPost } from "../store/outbox";
import { Avatar } from "./avatar";
import { failureText } from "./failures";
import { AlertIcon, CheckIcon, ChecksIcon, ClockIcon } from "./icons";
import { linkify } from "./linkify";
import { engine, nameOf } from "./state";

export type MessageState = "pending" | "sent" | "read" | "failed" | "received";

interface MessageProps {
  seq: number;
  user: string;
  name: string;
  body: string;
  at: number;
  state: MessageState;
  isMine: boolean;
  isFirst: boolean;
  isLast: boolean;
  isDirect: boolean;
  /** Names of those who have read up to here, joined; a string, so that equal ones compare equal. */
  readers: string;
  /** The post behind it while it is not stored. */
  post?: OutPost;
  /** Why it failed; part of the comparison that decides about a redraw. */
  error: string;
  language: Language;
  isOnline: boolean;
}

function Text({ body }: { body: string }) {
  return (
    <p class="text" dir="auto" data-testid="message-text">
      {linkify(body).map((piece) => piece.href
        ? <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow">{piece.text}</a>
        : piece.text)}
    </p>
  );
}

function StateMark({ state, isOnline }: { state: MessageState; isOnline: boolean }) {
  if (state === "received") return null;
  const label = state === "pending" && !isOnline ? t("message.waiting") : state === "failed" ? t("list.failed") : t(`message.${state}`);
  return (
    <span class={`mark mark-${state}`} role="img" aria-label={label} title={label} data-testid="message-state">
      {state === "pending" && <ClockIcon />}
      {state === "sent" && <CheckIcon />}
      {state === "read" && <ChecksIcon />}
      {state === "failed" && <AlertIcon />}
    </span>
  );
}

function Failed({ post }: { post: OutPost }) {
  const reason = post.error ? failureText(post.error) : "";
  return (
    <div class="failed" role="alert">
      <span data-testid="message-error">{t("message.failed", { reason })}</span>
      <button type="button" class="link-button" data-testid="message-retry" onClick={() => engine.value?.retryPost(post.room, post.id)}>
        {t("message.retry")}
      </button>
      <button type="button" class="link-button" data-testid="message-discard" onClick={() => engine.value?.discardPost(post.room, post.id)}>
        {t("message.discard")}
      </button>
    </div>
  );
}

const READERS_SHOWN = 6;

function Readers({ readers }: { readers: string }) {
  const users = readers.split(" ");
  const label = t("message.readBy", { names: users.map(nameOf).join(", ") });
  return (
    <div class="readers" role="img" aria-label={label} title={label} data-testid="readers">
      {users.slice(0, READERS_SHOWN).map((user) => <Avatar key={user} name={user} title={nameOf(user)} size="xs" />)}
      {users.length > READERS_SHOWN && <small>+{users.length - READERS_SHOWN}</small>}
    </div>
  );
}

/** Redrawn only when something about it changed: a room redraws often, its messages hardly ever. */
export class Message extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps): boolean {
    const keys = Object.keys(next) as (keyof MessageProps)[];
    return keys.some((key) => next[key] !== this.props[key]);
  }

  override render({ seq, user, name, body, at, state, isMine, isFirst, isLast, isDirect, readers, post, isOnline }: MessageProps) {
    const hasFace = !isMine && !isDirect;
    const classes = ["message", isMine ? "mine" : "theirs", isFirst && "first", isLast && "last", hasFace && "with-face"].filter(Boolean).join(" ");
    return (
      <div class={classes} data-testid="message" data-state={state} data-seq={seq || undefined} data-user={user}>
        {hasFace && (isFirst ? <Avatar name={user} title={name} size="s" /> : <span class="no-face" />)}
        <div class="message-body">
          {hasFace && isFirst && <span class="author" data-testid="message-author" title={`@${user}`}>{name}</span>}
          <div class="bubble">
            <Text body={body} />
            <span class="meta">
              <time dateTime={new Date(at).toISOString()} title={fullText(at)}>{timeText(at)}</time>
              <StateMark state={state} isOnline={isOnline} />
            </span>
          </div>
          {post?.state === "failed" && <Failed post={post} />}
          {readers && <Readers readers={readers} />}
        </div>
      </div>
    );
  }
}
