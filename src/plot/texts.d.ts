// Files that are imported as their text (`with { type: 'text' }`).
declare module '*.min.js' {
  const text: string
  export default text
}
declare module '*.min.css' {
  const text: string
  export default text
}
declare module '*/LICENSE' {
  const text: string
  export default text
}
declare module '*.browser.js' {
  const text: string
  export default text
}
