// Style rule about what stands in several protocols: it exists once, below them. Used by test/tidy.test.ts.
import { type Finding, finding, type Node, type Source } from './source.ts'

export const DUPLICATE_LINES_MIN = 6

interface Line {
  readonly text: string
  readonly number: number
}

/**
 * Lines that say something: not those of brackets alone, nor comments. Imports are left out too: two protocols
 * that import the same names from one place share them, which is what is wanted.
 */
function tellingLines(source: Source): Line[] {
  const imports = new Set<number>()
  for (const node of source.program.body as Node[]) {
    if (node.type !== 'ImportDeclaration') continue
    for (let at = node.loc.start.line; at <= node.loc.end.line; at++) imports.add(at)
  }
  return source.text
    .split('\n')
    .map((text, i) => ({ text: text.trim(), number: i + 1 }))
    .filter(({ text, number }) => {
      return /\w/.test(text) && !/^(\/\/|\/?\*)/.test(text) && !imports.has(number)
    })
}

function protocolOf(path: string, protocols: readonly string[]): string | undefined {
  return protocols.find((protocol) => path.startsWith(`${protocol}/`))
}

/** Runs of lines that stand in two protocols, each told once, from its first line on. `protocols`: folders. */
export function duplicates(sources: readonly Source[], protocols: readonly string[]): Finding[] {
  const files = sources
    .filter(({ path }) => protocolOf(path, protocols) !== undefined)
    .map((source) => ({ source, lines: tellingLines(source) }))
  const places = new Map<string, { file: number; at: number }[]>()
  files.forEach(({ lines }, file) => {
    for (let at = 0; at + DUPLICATE_LINES_MIN <= lines.length; at++) {
      const key = windowAt(lines, at)
      places.set(key, [...(places.get(key) ?? []), { file, at }])
    }
  })
  const found: Finding[] = []
  const seen = new Set<string>()
  for (const [key, all] of places) {
    for (const one of all) {
      for (const other of all) {
        if (one.file >= other.file) continue
        const [a, b] = [files[one.file], files[other.file]]
        if (protocolOf(a.source.path, protocols) === protocolOf(b.source.path, protocols)) continue
        const follows = seen.has(`${one.file} ${one.at - 1} ${other.file} ${other.at - 1}`)
        seen.add(`${one.file} ${one.at} ${other.file} ${other.at}`)
        if (follows) continue
        const where = `${b.source.path}:${b.lines[other.at].number}`
        const what = `${key.split('\n')[0]} … stands in ${where} too`
        found.push(finding(a.source, a.lines[one.at].number, what, REMEDY))
      }
    }
  }
  return found
}

function windowAt(lines: readonly Line[], at: number): string {
  return lines
    .slice(at, at + DUPLICATE_LINES_MIN)
    .map(({ text }) => text)
    .join('\n')
}

const REMEDY =
  'Move what protocols share below them: src/tracker, src/requests, src/source-limits, src/swarm'
