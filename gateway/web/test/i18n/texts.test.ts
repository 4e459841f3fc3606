import { expect, test } from "vitest";
import { pickLanguage } from "../../src/i18n";
import { en } from "../../src/i18n/en";
import { zh } from "../../src/i18n/zh";

const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();

test("both languages have the same keys", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
});

test.each(Object.keys(en) as (keyof typeof en)[])("%s has a text in both languages with the same places to fill", (key) => {
  expect(en[key].trim()).not.toBe("");
  expect(zh[key].trim()).not.toBe("");
  expect(holes(zh[key])).toEqual(holes(en[key]));
});

test("the language is the first of the browser's that we speak", () => {
  expect(pickLanguage(["fr-FR", "zh-TW", "en"])).toBe("zh");
  expect(pickLanguage(["", "en-GB", "zh"])).toBe("en");
  expect(pickLanguage(["de"])).toBe("en");
});
