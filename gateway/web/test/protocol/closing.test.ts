import { expect, test } from "vitest";
import { adviceFor } from "../../src/protocol/closing";

test.each([
  [[4000, 4003, 4005, 4099, 1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 4300, 4999], "reconnect"],
  [[4004], "replaced"],
  [[4100, 4101, 4102, 4199], "login"],
  [[4200, 4203, 4299, 1002, 1003, 1007, 1009], "halt"],
] as const)("close codes %j ask for: %s", (codes, advice) => {
  expect(codes.map(adviceFor)).toEqual(codes.map(() => advice));
});
