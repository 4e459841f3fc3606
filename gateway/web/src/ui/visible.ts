/** Calls back once when an element comes into sight. One observer serves the whole list. */
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const callbacks = new WeakMap<Element, () => void>();
let observer: IntersectionObserver | undefined;

function look(entries: IntersectionObserverEntry[]): void {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    callbacks.get(target)?.();
    observer?.unobserve(target);
  }
}

/** While `isWanted`. */
export function useInSight(ref: RefObject<HTMLElement>, isWanted: boolean, callback: () => void): void {
  useEffect(() => {
    const element = ref.current;
    if (!isWanted || !element) return undefined;
    observer ??= new IntersectionObserver(look);
    callbacks.set(element, callback);
    observer.observe(element);
    return () => observer?.unobserve(element);
  }, [isWanted]);
}
