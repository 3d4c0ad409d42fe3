// The command line that all executables share, as data: which action is wanted, with which file.
// Called by cli.ts.

import { parseArgs } from 'node:util'
import { nearest } from './suggest.ts'

export type Action =
  | 'run'
  | 'print-config'
  | 'print-effective-config'
  | 'check'
  | 'help'
  | 'version'

export interface CommandLine {
  action: Action
  configPath: string | null
}

const OPTIONS = {
  'config-file': { type: 'string', short: 'c' },
  'print-config': { type: 'boolean', short: 'p' },
  'print-effective-config': { type: 'boolean', short: 'P' },
  check: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

// Where several are given, the first of these wins: it asks for the least.
const ACTIONS = ['help', 'version', 'print-config', 'print-effective-config', 'check'] as const

export const FLAGS_HELP = `  -c, --config-file PATH         read settings from this TOML file
  -p, --print-config             print the default settings, explained, as TOML
  -P, --print-effective-config   print the settings in force (defaults, then file,
                                 then environment) and where each comes from
      --check                    say whether the settings are valid, start nothing
  -h, --help                     print this text
  -v, --version                  print name and version
`

/** What was asked for, or what is wrong with the line. */
export function parseCommandLine(args: readonly string[]): CommandLine | { mistake: string } {
  // Not strict: the mistakes are told below, in words of our own.
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Set<string>()
  let configPath: string | null = null
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      return { mistake: `'${token.value}' is not a flag; a settings file is given with -c` }
    }
    if (!Object.hasOwn(OPTIONS, token.name)) return { mistake: unknownFlag(token.rawName) }
    if (token.name !== 'config-file') {
      if (token.value !== undefined) return { mistake: `${token.rawName} takes no value` }
      given.add(token.name)
      continue
    }
    const path = pathOf(token.rawName, token.value ?? '', token.inlineValue === true)
    if (path === null) return { mistake: `${token.rawName} needs the path of a settings file` }
    if (configPath !== null) return { mistake: 'a settings file is given twice' }
    configPath = path
  }
  return { action: ACTIONS.find((action) => given.has(action)) ?? 'run', configPath }
}

/** Takes `-c=PATH` for `-c PATH`; a flag that follows `-c` is no path. */
function pathOf(rawName: string, value: string, inline: boolean): string | null {
  if (!inline && value.startsWith('-')) return null
  const path = inline && !rawName.startsWith('--') ? value.replace(/^=/, '') : value
  return path === '' ? null : path
}

function unknownFlag(rawName: string): string {
  const near = nearest(
    rawName,
    Object.keys(OPTIONS).map((name) => `--${name}`),
  )
  const isWord = rawName.startsWith('--') && near !== null
  return `unknown flag ${rawName}${isWord ? `; did you mean ${near}?` : ''}`
}
