// The command line of aquatic_doctor as data: what to look at, and how to say it. It has no settings of its
// own, and takes URLs, so it is not that of the other executables (src/config/cli.ts), but in its style. Used by main.ts,
// and by scripts/generate-docs.ts for the manual page and the completions.
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Flag, flagLines, unknownFlag } from '../src/config/flags.ts'
import type { Tool } from '../src/config/man-page.ts'

export interface DoctorLine {
  readonly action: 'host' | 'apply' | 'revert' | 'tracker' | 'help' | 'version'
  /** The trackers to ask. */
  readonly urls: readonly string[]
  /** A tracker's settings file, and which program it is for if that has been said. */
  readonly configPath: string | null
  readonly program: string | null
  readonly json: boolean
  /** Run our protocol documents as checks. */
  readonly conformance: boolean
  /** Answer what --apply and --revert ask with yes. */
  readonly yes: boolean
  /** The folder that stands for /. */
  readonly root: string
  /** How long to watch counters that grow. */
  readonly seconds: number
  readonly asking: Asking
}

/** How trackers are asked. */
export interface Asking {
  /** Print the checks of --conformance instead of running them. */
  readonly list: boolean
  /** Of the checks, those whose names fit this; null: all. */
  readonly only: string | null
  /** Addresses in place of those that the trackers' names have; [] for those. */
  readonly resolve: readonly string[]
  /** The name server to ask, in place of the system's. */
  readonly nameServer: string | null
  /** A file with the info hashes to ask about; null: random ones. */
  readonly infoHashes: string | null
}

/** A reason not to begin that the caller can remove: its message is all they need to see, and the exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

const SECONDS_DEFAULT = 1
const SECONDS_MAX = 3600
const URL_FORMS = ['udp:', 'http:', 'https:', 'ws:', 'wss:']

const FLAGS: readonly Flag[] = [
  {
    name: 'config-file',
    short: 'c',
    value: 'PATH',
    help: ['a tracker’s settings: what the host must offer for them'],
  },
  {
    name: 'program',
    value: 'NAME',
    help: ['whose settings these are, such as aquatic_udp, where', 'the file does not tell'],
  },
  { name: 'seconds', value: 'N', help: [`watch counters for N seconds (${SECONDS_DEFAULT})`] },
  { name: 'apply', help: ['write what it recommends to files below /etc, after', 'showing each'] },
  { name: 'revert', help: ['take back exactly what --apply did'] },
  { name: 'yes', short: 'y', help: ['do not ask before --apply or --revert'] },
  { name: 'conformance', help: ['run the protocol documents as checks on each URL'] },
  { name: 'list', help: ['with --conformance: print the checks, run none'] },
  {
    name: 'only',
    value: 'PATTERN',
    help: ['with --conformance: only checks whose names contain this;', '* stands for anything'],
  },
  {
    name: 'resolve',
    value: 'ADDRESS',
    help: ['ask the trackers at this address, or at each of a list', 'with commas'],
  },
  {
    name: 'name-server',
    value: 'ADDRESS',
    help: ['ask this name server, such as 192.0.2.53:53'],
  },
  {
    name: 'info-hashes',
    value: 'FILE',
    help: [
      'ask about the info hashes in this file, 40 hex digits a line,',
      'for trackers that serve listed ones only',
    ],
  },
  { name: 'json', help: ['print JSON'] },
  {
    name: 'root',
    value: 'DIR',
    help: ['read and write below DIR instead of /, as of an image;', 'changes nothing that runs'],
  },
  { name: 'help', short: 'h', help: ['print this text'] },
  { name: 'version', short: 'v', help: ['print name and version'] },
]

export const doctorTool: Tool = {
  name: 'aquatic_doctor',
  description: 'what is wrong with this host, or with a tracker',
  synopsis: ['[flags]', '[flags] URL...'],
  paragraphs: [
    `Without a URL it reads what the kernel tells about this host, names each thing that costs a tracker
    packets, connections or time, with its figure, what it costs and the exact remedy. It changes nothing
    unless told to. What it may not read it says; as root it sees most.`,
    `With URLs, such as udp://tracker.example.com:3000/announce, it asks these trackers as clients do, whatever
    their software.`,
  ],
  flags: FLAGS,
  exitCodes: ['0 all is good', '1 something is wrong', '2 wrong flags or settings'],
}

export function usageText(): string {
  const { name, synopsis } = doctorTool
  const lines = synopsis.map((form, i) => `${i === 0 ? 'Usage: ' : '       '}${name} ${form}\n`)
  return `${lines.join('')}\n${flagLines(FLAGS)}`
}

export function parseDoctorLine(args: readonly string[]): DoctorLine | { mistake: string } {
  const options = Object.fromEntries(
    FLAGS.map(({ name, short, value }) => {
      const type = value === undefined ? ('boolean' as const) : ('string' as const)
      return [name, short === undefined ? { type } : { type, short }]
    }),
  )
  // Not strict: mistakes are reported below, in our own words.
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Map<string, string>()
  const urls: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      const mistake = urlMistake(token.value)
      if (mistake !== null) return { mistake }
      urls.push(token.value)
      continue
    }
    const flag = FLAGS.find(({ name }) => name === token.name)
    if (flag === undefined) return { mistake: unknownFlag(token.rawName, Object.keys(options)) }
    const mistake = takeFlag(flag, token, given)
    if (mistake !== null) return { mistake }
  }
  return lineOf(given, urls)
}

/** Notes a flag's value; returns what is wrong with it, or null. */
function takeFlag(
  { name, value: wanted }: Flag,
  token: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  given: Map<string, string>,
): string | null {
  const { rawName, value = '' } = token
  if (wanted === undefined) {
    if (token.value !== undefined) return `${rawName} takes no value`
    given.set(name, '')
    return null
  }
  if (value === '' || (token.inlineValue !== true && value.startsWith('-'))) {
    return `${rawName} needs a value: ${rawName} ${wanted}`
  }
  if (given.has(name)) return `--${name} is given twice`
  given.set(name, value)
  return null
}

function lineOf(
  given: ReadonlyMap<string, string>,
  urls: readonly string[],
): DoctorLine | { mistake: string } {
  const wanted = (['help', 'version', 'apply', 'revert'] as const).filter((name) => given.has(name))
  const [action = urls.length > 0 || given.has('list') ? 'tracker' : 'host'] = wanted
  const hostOnly = ['apply', 'revert', 'config-file', 'program', 'root', 'seconds'] as const
  const forHost = hostOnly.find((name) => given.has(name))
  if (urls.length > 0 && forHost !== undefined) {
    return {
      mistake: `--${forHost} is about this host, a URL is about a tracker: give one of them`,
    }
  }
  const mistake = askingMistake(given, urls) ?? changingMistake(given)
  if (mistake !== null) return { mistake }
  if (given.has('conformance') && urls.length === 0 && action === 'host' && !given.has('list')) {
    return { mistake: '--conformance needs the URL of a tracker' }
  }
  if (given.has('program') && !given.has('config-file')) {
    return { mistake: '--program says whose settings -c gives: give that file too' }
  }
  const seconds = Number(given.get('seconds') ?? SECONDS_DEFAULT)
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > SECONDS_MAX) {
    return { mistake: `--seconds takes a number from 0 to ${SECONDS_MAX}` }
  }
  return {
    action,
    urls,
    configPath: given.get('config-file') ?? null,
    program: given.get('program') ?? null,
    json: given.has('json'),
    conformance: given.has('conformance'),
    yes: given.has('yes'),
    root: resolve(given.get('root') ?? '/'),
    seconds,
    asking: {
      list: given.has('list'),
      only: given.get('only') ?? null,
      resolve: given.get('resolve')?.split(',') ?? [],
      nameServer: given.get('name-server') ?? null,
      infoHashes: given.get('info-hashes') ?? null,
    },
  }
}

function changingMistake(given: ReadonlyMap<string, string>): string | null {
  if (given.has('apply') && given.has('revert')) return '--apply and --revert exclude each other'
  const changing = given.has('apply') || given.has('revert')
  if (!changing || !given.has('json')) return null
  return '--json is for reports: leave it out with --apply and --revert'
}

function askingMistake(given: ReadonlyMap<string, string>, urls: readonly string[]): string | null {
  for (const name of ['list', 'only']) {
    if (given.has(name) && !given.has('conformance')) return `--${name} goes with --conformance`
  }
  for (const name of ['resolve', 'name-server', 'info-hashes']) {
    if (given.has(name) && urls.length === 0) return `--${name} is about a tracker: give its URL`
  }
  const wrong = given
    .get('resolve')
    ?.split(',')
    .find((address) => isIP(address) === 0)
  if (wrong !== undefined) return `--resolve: '${wrong}' is not an IP address`
  return null
}

function urlMistake(text: string): string | null {
  const form = URL.parse(text)?.protocol
  if (form !== undefined && URL_FORMS.includes(form)) return null
  return `'${text}' is neither a flag nor the URL of a tracker, such as udp://tracker.example.com:3000/announce; a settings file is given with -c`
}
