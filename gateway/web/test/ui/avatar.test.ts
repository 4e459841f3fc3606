import { expect, test } from "vitest";
import { initialsOf, tintOf } from "../../src/ui/avatar";

test.each([["Mei Lindqvist", "ML"], ["tom", "T"], ["li.wei", "LW"], ["王梅", "王"], ["<script>", "S"], ["Ana (away)", "AA"], ["🙂", "🙂"], ["", "?"]])("the initials of %s are %s", (title, initials) => {
  expect(initialsOf(title)).toBe(initials);
});

test("the colour of a name does not change", () => {
  expect(tintOf("mei")).toBe(tintOf("mei"));
  expect(new Set(["mei", "tom", "ana", "li.wei", "priya", "zoe", "kim"].map(tintOf)).size).toBeGreaterThan(2);
});
