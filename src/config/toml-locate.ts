// Finds the line of each key in a TOML document, because the parser reports lines only for syntax
// errors. Called by load.ts with text that has parsed; any other text gives some positions or none,
// and always ends.

const PATH_SEPARATOR = '\u0000'
// The parser refuses deeper nesting than this long before the scanner's recursion could hurt.
const MAX_DEPTH = 1000

/** Line numbers, from 1, by key path. A table has the line on which it is first named. */
export class KeyLines {
  readonly #lines = new Map<string, number>()

  /** The line of the key, or of the innermost table around it that is known; 0 if none is. */
  find(path: readonly string[]): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(path.slice(0, length).join(PATH_SEPARATOR))
      if (line !== undefined) return line
    }
    return 0
  }

  add(path: readonly string[], line: number): void {
    const name = path.join(PATH_SEPARATOR)
    if (!this.#lines.has(name)) this.#lines.set(name, line)
  }
}

export function locateKeys(text: string): KeyLines {
  const lines = new KeyLines()
  const scanner = new Scanner(text, lines)
  let table: string[] = []
  while (scanner.skipBlank()) {
    if (scanner.peek() === '[') table = scanner.header()
    else scanner.pair(table, 0)
  }
  return lines
}

// Every method that may be called in a loop moves forward by at least one character or the loop
// stops, so malformed text cannot hang it.
class Scanner {
  readonly #text: string
  readonly #lines: KeyLines
  #at = 0
  #line = 1
  #lineCountedTo = 0

  constructor(text: string, lines: KeyLines) {
    this.#text = text
    this.#lines = lines
  }

  peek(): string {
    return this.#text.charAt(this.#at)
  }

  /** Skips spaces, line ends, and comments; false at the end of the text. */
  skipBlank(): boolean {
    this.#match(/(?:[ \t\r\n]+|#[^\n]*)*/y)
    return this.#at < this.#text.length
  }

  /** `[table]` or `[[table]]`; gives the path it opens. */
  header(): string[] {
    this.#match(/\[+[ \t]*/y)
    const path = this.#keyPath([])
    this.#match(/[ \t]*\]*/y)
    return path
  }

  /** `key = value`, the value being skipped except for the keys inside it. */
  pair(table: readonly string[], depth: number): void {
    const start = this.#at
    const path = this.#keyPath(table)
    this.#match(/[ \t]*=?[ \t]*/y)
    this.#value(path, depth)
    if (this.#at === start) this.#at++
  }

  /** A dotted key, recorded with its line together with the tables it implies. */
  #keyPath(table: readonly string[]): string[] {
    const path = [...table]
    do {
      const key = this.#key()
      if (key === null) return path
      path.push(key)
      this.#lines.add(path, this.#currentLine())
    } while (this.#match(/[ \t]*\.[ \t]*/y) !== '')
    return path
  }

  #key(): string | null {
    const bare = this.#match(/[A-Za-z0-9_-]+/y)
    if (bare !== '') return bare
    const quoted = this.#match(/"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y)
    if (quoted === '') return null
    return quoted.startsWith("'") ? quoted.slice(1, -1) : unescapeBasic(quoted)
  }

  #value(path: string[], depth: number): void {
    const first = this.peek()
    if (first === '"' || first === "'") this.#string()
    else if (first === '[') this.#list(path, depth)
    else if (first === '{') this.#inlineTable(path, depth)
    else this.#match(/[^,\]}#\r\n]*/y)
  }

  #string(): void {
    const found =
      this.#match(/"""(?:\\.|[^\\])*?"{3,5}|'''.*?'{3,5}/sy) ||
      this.#match(/"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y)
    if (found === '') this.#at++
  }

  #list(path: string[], depth: number): void {
    this.#at++
    while (this.skipBlank() && this.peek() !== ']') {
      const start = this.#at
      if (depth < MAX_DEPTH) this.#value(path, depth + 1)
      this.skipBlank()
      this.#match(/,/y)
      if (this.#at === start) this.#at++
    }
    this.#match(/\]/y)
  }

  #inlineTable(path: string[], depth: number): void {
    this.#at++
    while (this.skipBlank() && this.peek() !== '}') {
      if (depth < MAX_DEPTH) this.pair(path, depth + 1)
      else this.#at++
      this.skipBlank()
      this.#match(/,/y)
    }
    this.#match(/\}/y)
  }

  /** Moves over what the sticky pattern matches here, and gives it; '' if nothing. */
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #currentLine(): number {
    for (; this.#lineCountedTo < this.#at; this.#lineCountedTo++) {
      if (this.#text.charCodeAt(this.#lineCountedTo) === 10) this.#line++
    }
    return this.#line
  }
}

function unescapeBasic(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    // Escapes that only TOML has (\e, \x, \U): such a key is no setting of ours, its line is enough.
    return quoted.slice(1, -1)
  }
}
