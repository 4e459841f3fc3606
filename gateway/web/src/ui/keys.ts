/** What keys mean. */

/** An input method uses Enter to take a suggestion: that Enter belongs to it. Some browsers say so by code 229 only. */
export function sendsOn(event: { key: string; shiftKey: boolean; isComposing: boolean; keyCode: number }): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}
