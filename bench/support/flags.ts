// What the benchmark programs share on the command line: numbers, NAME=FILE pairs, and how they end.
// Each program keeps its own list of flags.
import { exitOnSignals } from '../../load/children.ts'

/** Flags that every program here has; each adds its own. */
export const COMMON_FLAGS = {
  path: { type: 'string', multiple: true, default: [] as string[] },
  settings: { type: 'string', multiple: true, default: [] as string[] },
  'tracker-core': { type: 'string', default: '0' },
  'generator-core': { type: 'string', default: '1' },
  report: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

export const COMMON_USAGE = `  --path NAME=FILE        where a tracker, or «load-test», is (else AQUATIC_COMPARE_<NAME>, PATH)
  --settings NAME=FILE    TOML settings for ours or ours-…, without address
  --tracker-core N        default 0
  --generator-core N      default 1
  --report FILE           writes the result as Markdown too`

export function pairs(texts: readonly string[]): Map<string, string> {
  return new Map(
    texts.map((text) => {
      const [name, ...rest] = text.split('=')
      if (rest.length === 0) throw new Error(`«${text}» is not NAME=FILE`)
      return [name, rest.join('=')] as const
    }),
  )
}

export function wholeNumber(text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isInteger(number) || number < 0) {
    throw new Error(`«${text}» is not a whole number`)
  }
  return number
}

/** Runs a program and ends the process, whatever it still waits for. A program may set exitCode. */
export async function runProgram(main: () => Promise<void>): Promise<never> {
  exitOnSignals()
  try {
    await main()
    process.exit()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
