export function Logo() {
  return (
    <svg width="92" height="26" viewBox="0 0 92 26" aria-hidden="true">
      <path
        d="M17 9.5a6 6 0 1 0-6 6c3.7 0 6-2.7 6-6 0 6.600-2.300 10.900-7.500 13.500"
        fill="none"
        stroke="currentColor"
        strokeWidth="3"
        strokeLinecap="round"
      />
      <circle cx="20.200" cy="20.800" r="2.200" fill="#4cc585" />
      <text x="29" y="19" fontSize="17" fontWeight="600" fill="currentColor" letterSpacing="-0.3">
        nines
      </text>
    </svg>
  );
}
