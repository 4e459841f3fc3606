import { expect, test } from "vitest";
import { linkify } from "../../src/ui/linkify";

const links = (text: string): (string | undefined)[] => linkify(text).flatMap((piece) => (piece.href ? [piece.text] : []));

test("only http and https become links", () => {
  expect(links("javascript:alert(1) data:text/html,x ftp://a.b https://a.example/x http://b.example")).toEqual(["https://a.example/x", "http://b.example"]);
});

test("punctuation that ends the sentence stays outside, a bracket that belongs inside stays in", () => {
  expect(links("(see https://a.example/x_(y)). And https://b.example, too")).toEqual(["https://a.example/x_(y)", "https://b.example"]);
});

test("Chinese punctuation ends an address", () => {
  expect(links("看https://a.example/x。好")).toEqual(["https://a.example/x"]);
});

test.each(["", "plain", "<b>x</b> https://a.example/?a=1&b=2 end", "https://", "https://a.example"])("no character is lost: %s", (text) => {
  expect(linkify(text).map((piece) => piece.text).join("")).toBe(text);
});
