import { expect, test } from "vitest";
import { sendsOn } from "../../src/ui/keys";

const enter = { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 };

test("Enter sends, Shift+Enter does not, other keys do not", () => {
  expect(sendsOn(enter)).toBe(true);
  expect(sendsOn({ ...enter, shiftKey: true })).toBe(false);
  expect(sendsOn({ ...enter, key: "a", keyCode: 65 })).toBe(false);
});

test("the Enter that takes a suggestion of an input method never sends, however the browser tells of it", () => {
  expect(sendsOn({ ...enter, isComposing: true })).toBe(false);
  expect(sendsOn({ ...enter, keyCode: 229 })).toBe(false);
});
