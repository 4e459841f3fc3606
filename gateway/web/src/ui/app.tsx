/** The whole page: the entrance, or the conversations. */
import { useSignalEffect } from "@preact/signals";
import { language } from "../i18n";
import { unread } from "../store/room";
import { Entrance } from "./entrance";
import { RoomPane } from "./roompane";
import { openRoom } from "./route";
import { Sidebar } from "./sidebar";
import { engine, listTick } from "./state";
import { NoticeBar, StatusBar } from "./statusbar";

/** The number of unread messages in the title, so that it shows in a tab or a task bar. */
function showInTitle(): void {
  void listTick.value;
  const chat = engine.value?.chat;
  const rooms = chat ? [...chat.rooms.values()] : [];
  const count = rooms.reduce((sum, room) => sum + unread(room, chat?.me.user ?? ""), 0);
  document.title = count > 0 ? `(${count > 99 ? "99+" : count}) Warbler` : "Warbler";
}

export function App() {
  useSignalEffect(showInTitle);
  useSignalEffect(() => {
    document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
  });
  const here = engine.value;
  if (!here) return <Entrance />;
  return (
    <div class="app" data-open={openRoom.value !== undefined} data-testid="app" key={here.chat.me.device}>
      <Sidebar />
      <section class="pane">
        <StatusBar />
        <NoticeBar />
        <RoomPane />
      </section>
    </div>
  );
}
