// The icon of the tracker's pages, in the page itself so that no browser asks for /favicon.ico. Used by page.ts and
// public-page/page.ts.

export const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath " +
  "d='M8 1C5 5 3 8 3 10.500a5 4.500 0 0 0 10 0C13 8 11 5 8 1z' fill='%232563eb'/%3E%3C/svg%3E"
