/** Start of the page. */
import { render } from "preact";
import "./ui/styles/base.css";
import "./ui/styles/forms.css";
import "./ui/styles/list.css";
import "./ui/styles/room.css";
import "./ui/styles/messages.css";
import { App } from "./ui/app";
import { startPage } from "./ui/state";

const root = document.getElementById("app");
if (!root) throw new Error("the page has no #app");
await startPage();
render(<App />, root);
