import { expect, test } from "vitest";
import { decode, roomOf } from "../../src/protocol/decode";

test("fields that the server left out hold their default", () => {
  expect(decode('{"t":"msg","room":"r1aa","seq":3,"at":5,"user":"tom"}')).toEqual({
    t: "msg", room: "r1aa", seq: 3, at: 5, user: "tom", kind: "text", body: "", device: "", n: 0, id: "",
  });
  expect(decode('{"t":"room","room":{"room":"r1aa","kind":"room"},"since":4}')).toMatchObject({
    room: { head: 0, read: 0, role: "member", name: "", public: false, marked: false, first: 1 },
  });
  expect(decode('{"t":"refused","room":"r1aa","n":1,"code":"forbidden","text":"no","retry":false}')).toMatchObject({ retry_after: null, fields: {} });
  expect(decode('{"t":"pong"}')).toEqual({ t: "pong", q: 0, now: 0 });
});

test("entries of a page take the room of the page where theirs is left out", () => {
  expect(decode('{"t":"page","q":1,"room":"r1aa","head":1,"entries":[{"seq":1,"at":1,"user":"a"}]}')).toMatchObject({ entries: [{ room: "r1aa" }] });
});

test.each(["", "nonsense", "[]", "null", '{"t":"later"}', '{"t":"toString"}', '{"t":1}'])("what is no known frame is no event: %s", (frame) => {
  expect(decode(frame)).toBeUndefined();
});

test("a room in an answer is found inside the result and as the result", () => {
  expect(roomOf({ room: { room: "r1aa", kind: "room" } })?.room).toBe("r1aa");
  expect(roomOf({ room: "r1aa", kind: "direct" })?.kind).toBe("direct");
  expect(roomOf({})).toBeUndefined();
});
