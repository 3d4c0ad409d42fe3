// The command line that all executables share, as data: which action is wanted, with which file.
// Called by cli.ts.

import { parseArgs } from 'node:util'
import { nearest } from './suggest.ts'

export type Action =
  | 'run'
  | 'print-config'
  | 'print-short-config'
  | 'print-effective-config'
  | 'check'
  | 'help'
  | 'version'

export interface CommandLine {
  action: Action
  configPath: string | null
  /** Values of the executable's own flags, by name without dashes. */
  values: ReadonlyMap<string, string>
}

/** A flag as help, manual pages and shell completions show it. */
export interface Flag {
  /** Without dashes. */
  name: string
  short?: string
  /** The value's name in the help, such as FILE; none for a flag without value. */
  value?: string
  /** One or more lines for the help. */
  help: readonly string[]
}

/** A flag that one executable has beyond the family's; the value of one without is ''. */
export interface OwnFlag extends Flag {
  /** Added to the message when the value is missing or empty. */
  emptyHint?: string
}

const OPTIONS = {
  'config-file': { type: 'string', short: 'c' },
  'print-config': { type: 'boolean', short: 'p' },
  short: { type: 'boolean' },
  'print-effective-config': { type: 'boolean', short: 'P' },
  check: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

// Where several are given, the first of these wins: it asks for the least.
const ACTIONS = ['help', 'version', 'print-config', 'print-effective-config', 'check'] as const

const FAMILY_FLAGS: readonly Flag[] = [
  { name: 'config-file', short: 'c', value: 'PATH', help: ['read settings from this TOML file'] },
  {
    name: 'print-config',
    short: 'p',
    help: ['print the default settings, explained, as TOML'],
  },
  { name: 'short', help: ['with -p: only those that most sites change'] },
  {
    name: 'print-effective-config',
    short: 'P',
    help: [
      'print the settings in force (defaults, then file,',
      'then environment) and where each comes from',
    ],
  },
  { name: 'check', help: ['say whether the settings are valid, start nothing'] },
  { name: 'help', short: 'h', help: ['print this text'] },
  { name: 'version', short: 'v', help: ['print name and version'] },
]

const HELP_COLUMN = 33

/** The family's flags and those of one executable. */
export function flagsOf(own: readonly OwnFlag[] = []): readonly Flag[] {
  return [...FAMILY_FLAGS, ...own]
}

export function flagsHelp(own: readonly OwnFlag[]): string {
  return flagLines(flagsOf(own))
}

/** A line of help for each, or several. */
export function flagLines(flags: readonly Flag[]): string {
  const lines = flags.flatMap(({ name, short, value, help }) => {
    const names = `${short === undefined ? '    ' : `-${short}, `}--${name}`
    const left = `  ${names}${value === undefined ? '' : ` ${value}`}`
    return help.map((text, i) => `${(i === 0 ? left : '').padEnd(HELP_COLUMN)}${text}\n`)
  })
  return lines.join('')
}

/** What was asked for, or what is wrong with the line. */
export function parseCommandLine(
  args: readonly string[],
  own: readonly OwnFlag[] = [],
): CommandLine | { mistake: string } {
  const ownOptions = Object.fromEntries(
    own.map(({ name, value }) => {
      const type: 'string' | 'boolean' = value === undefined ? 'boolean' : 'string'
      return [name, { type }]
    }),
  )
  const options = { ...OPTIONS, ...ownOptions }
  // Not strict: mistakes are reported below, in our own words.
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Set<string>()
  const values = new Map<string, string>()
  let configPath: string | null = null
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      return { mistake: `'${token.value}' is not a flag; a settings file is given with -c` }
    }
    if (!Object.hasOwn(options, token.name)) {
      return { mistake: unknownFlag(token.rawName, Object.keys(options)) }
    }
    const flag = own.find(({ name }) => name === token.name)
    if (flag !== undefined) {
      const mistake = takeOwn(flag, token, values)
      if (mistake !== null) return { mistake }
      continue
    }
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
  const action = ACTIONS.find((each) => given.has(each)) ?? 'run'
  if (!given.has('short') || action === 'help' || action === 'version') {
    return { action, configPath, values }
  }
  if (action !== 'print-config') return { mistake: '--short goes with -p' }
  return { action: 'print-short-config', configPath, values }
}

/** Notes an executable's own flag; returns what is wrong with it, or null. */
function takeOwn(
  { name, value: wanted, emptyHint = '' }: OwnFlag,
  token: { value?: string | undefined; inlineValue?: boolean | undefined },
  values: Map<string, string>,
): string | null {
  if (wanted === undefined) {
    values.set(name, '')
    return token.value === undefined ? null : `--${name} takes no value`
  }
  const value = token.value ?? ''
  // As with -c: what looks like the next flag is no value.
  if (value === '' || (token.inlineValue !== true && value.startsWith('-'))) {
    return `--${name} needs a value: --${name} ${wanted}${emptyHint}`
  }
  if (values.has(name)) return `--${name} is given twice`
  values.set(name, value)
  return null
}

/** Takes `-c=PATH` for `-c PATH`; a flag that follows `-c` is no path. */
function pathOf(rawName: string, value: string, inline: boolean): string | null {
  if (!inline && value.startsWith('-')) return null
  const path = inline && !rawName.startsWith('--') ? value.replace(/^=/, '') : value
  return path === '' ? null : path
}

/** `known`: without dashes. */
export function unknownFlag(rawName: string, known: readonly string[]): string {
  const near = nearest(
    rawName,
    known.map((name) => `--${name}`),
  )
  const isWord = rawName.startsWith('--') && near !== null
  return `unknown flag ${rawName}${isWord ? `; did you mean ${near}?` : ''}`
}
