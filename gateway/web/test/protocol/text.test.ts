import { expect, test } from "vitest";
import { byteLength, cleanText, randomId } from "../../src/protocol/text";

test("length counts UTF-8 bytes", () => {
  expect(byteLength("a你😀")).toBe(8);
});

test("lone surrogates and U+0000 never leave; whole pairs do", () => {
  expect(cleanText("a\uD800b\uDC00c\u0000d😀")).toBe("a\uFFFDb\uFFFDcd😀");
});

test("ids fit the server's pattern and differ", () => {
  expect(randomId()).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(randomId()).not.toBe(randomId());
});
