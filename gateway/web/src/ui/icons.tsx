/** Line icons on a grid of 24. They say nothing to a screen reader: the button around them has a label. */
import type { ComponentChildren } from "preact";

function Icon({ children, size = 20 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const PlusIcon = () => <Icon><path d="M12 5v14M5 12h14" /></Icon>;
export const BackIcon = () => <Icon><path d="M15 5l-7 7 7 7" /></Icon>;
export const CloseIcon = () => <Icon><path d="M6 6l12 12M18 6L6 18" /></Icon>;
export const SendIcon = () => <Icon><path d="M12 19V5M6 11l6-6 6 6" /></Icon>;
export const DownIcon = () => <Icon><path d="M12 5v14M6 13l6 6 6-6" /></Icon>;
export const MoreIcon = () => <Icon><path d="M12 6h.01M12 12h.01M12 18h.01" stroke-width="2.6" /></Icon>;
export const SearchIcon = () => <Icon size={16}><circle cx="11" cy="11" r="6" /><path d="M20 20l-4.500-4.500" /></Icon>;
export const PeopleIcon = () => (
  <Icon><circle cx="9" cy="8" r="3.300" /><path d="M3 19c.6-3.400 3-5 6-5s5.400 1.600 6 5M16 5.200a3.300 3.300 0 010 5.800M17.500 14.300c2 .6 3.200 2.100 3.500 4.700" /></Icon>
);
export const GearIcon = () => (
  <Icon><path d="M4 7h9M17 7h3M4 17h3M11 17h9" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="17" r="2" /></Icon>
);
export const ClockIcon = () => <Icon size={13}><circle cx="12" cy="12" r="8.500" /><path d="M12 7.500V12l3 2" /></Icon>;
export const CheckIcon = () => <Icon size={13}><path d="M5 12.500l4.500 4.500L19 7" /></Icon>;
export const ChecksIcon = () => <Icon size={15}><path d="M2 12.500l4.500 4.500L15 7M11.500 16.500l.5.500L21.500 7" /></Icon>;
export const AlertIcon = () => <Icon size={14}><circle cx="12" cy="12" r="9" /><path d="M12 7.500v5M12 16.200h.01" /></Icon>;
export const GlobeIcon = () => <Icon size={16}><circle cx="12" cy="12" r="8.500" /><path d="M3.500 12h17M12 3.500c3 3 3 14 0 17M12 3.500c-3 3-3 14 0 17" /></Icon>;
export const EyeIcon = () => <Icon size={18}><path d="M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z" /><circle cx="12" cy="12" r="2.800" /></Icon>;
export const EyeOffIcon = () => <Icon size={18}><path d="M4 4l16 16M9.500 5.800c.8-.2 1.600-.3 2.500-.3 6 0 9.500 6.500 9.500 6.500a15 15 0 01-2.700 3.400M6.200 7.400A14 14 0 002.500 12S6 18.500 12 18.500c1.500 0 2.800-.4 4-1" /></Icon>;

/** The bird. */
export function Bird({ size = 32 }: { size?: number }) {
  return <img src="./warbler.svg" width={size} height={size} alt="" class="bird" />;
}
