// The trackers that can be compared, one entry each: how it is found, configured and started, and what
// a load tester has to know about it. Used by candidates.ts and start.ts.
//
// Each runs with its own default settings; only the address, the number of workers and, for WebTorrent,
// the certificate are given, and ours do without [pressure] (start.ts). To add one, add an entry.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  CHIHAYA_HTTP_SECTION,
  CHIHAYA_UDP_SECTION,
  type Command,
  chihayaCommand,
  opentrackerCommand,
  type StartPlan,
  torrustCommand,
} from './other-trackers.ts'

/** 'https' is HTTP over TLS, for those that speak it themselves; 'site' is all at once. */
export const PROTOCOLS = ['udp', 'http', 'https', 'ws', 'site'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export interface Entry {
  readonly protocol: Protocol
  /** Names its executable, in place of --path. */
  readonly envName: string
  /** Where it is otherwise: an absolute path, or a name in the PATH. */
  readonly onPath: string
  command(plan: StartPlan): Command
  version(executable: string): string
  /** Settings that make it look for old peers every `seconds`; '' where that cannot be set. */
  cleaning(seconds: number): string
  /** It returns an announcing peer to itself, which our load tester must not count as wrong then. */
  readonly returnsOwnPeer: boolean
  /** What else it does otherwise: names of [checks] of our load tester that are switched off for it. */
  readonly exempt?: readonly string[]
  /** Likewise, those that are switched on for it: what it may do in addition. */
  readonly allows?: readonly string[]
  /** Whether it can be told how many workers to use. */
  readonly hasWorkers: boolean
}

const OURS_UDP: Entry = {
  protocol: 'udp',
  envName: 'AQUATIC_COMPARE_OURS',
  onPath: ownExecutable('aquatic_udp'),
  command: (plan) => ({
    argv: [
      ...runner(plan.executable),
      '-c',
      familySettings(plan, { socket_workers: plan.workers }),
    ],
  }),
  version: askVersion,
  cleaning: (seconds) => `\n[cleaning]\ninterval = ${seconds}\n`,
  returnsOwnPeer: false,
  hasWorkers: true,
}

const AQUATIC_UDP: Entry = {
  ...OURS_UDP,
  envName: 'AQUATIC_COMPARE_AQUATIC',
  onPath: 'aquatic_udp',
  cleaning: (seconds) => `\n[cleaning]\ntorrent_cleaning_interval = ${seconds}\n`,
}

const AQUATIC_UDP_URING: Entry = {
  ...AQUATIC_UDP,
  envName: 'AQUATIC_COMPARE_AQUATIC_URING',
  onPath: 'aquatic_udp_uring',
}

const OPENTRACKER: Entry = {
  protocol: 'udp',
  envName: 'AQUATIC_COMPARE_OPENTRACKER',
  onPath: 'opentracker',
  command: opentrackerCommand,
  version: (executable) => debianVersion('opentracker', executable),
  cleaning: () => '',
  returnsOwnPeer: true,
  hasWorkers: true,
}

const BITTORRENT_TRACKER_UDP: Entry = {
  protocol: 'udp',
  envName: 'AQUATIC_COMPARE_BITTORRENT_TRACKER',
  onPath: 'bittorrent-tracker',
  command: ({ executable, port }) => ({
    argv: [executable, '--udp', '--port', String(port), '--silent'],
  }),
  version: npmVersion,
  cleaning: () => '',
  returnsOwnPeer: true,
  hasWorkers: false,
}

const CHIHAYA: Entry = {
  protocol: 'udp',
  envName: 'AQUATIC_COMPARE_CHIHAYA',
  onPath: 'chihaya',
  command: (plan) => chihayaCommand(plan, CHIHAYA_UDP_SECTION),
  version: askVersion,
  cleaning: () => '',
  returnsOwnPeer: true,
  hasWorkers: false,
}

const TORRUST: Entry = {
  protocol: 'udp',
  envName: 'AQUATIC_COMPARE_TORRUST',
  onPath: 'torrust-tracker',
  command: (plan) => torrustCommand(plan, 'udp_trackers'),
  version: fingerprint,
  cleaning: () => '',
  returnsOwnPeer: false,
  hasWorkers: false,
}

const OURS_WS: Entry = {
  ...OURS_UDP,
  protocol: 'ws',
  envName: 'AQUATIC_COMPARE_OURS_WS',
  onPath: ownExecutable('aquatic_ws'),
  command: (plan) => tlsCommand(plan, 'use_tls'),
}

const AQUATIC_WS: Entry = {
  ...OURS_WS,
  envName: 'AQUATIC_COMPARE_AQUATIC_WS',
  onPath: 'aquatic_ws',
  command: (plan) => tlsCommand(plan, 'enable_tls'),
  exempt: ['roles_kept'],
  allows: ['answers_answered'],
}

const OURS_HTTP: Entry = {
  ...OURS_UDP,
  protocol: 'http',
  envName: 'AQUATIC_COMPARE_OURS_HTTP',
  onPath: ownExecutable('aquatic_http'),
  command: (plan) => tlsCommand(plan, 'use_tls'),
}

/** The tracker of all protocols: the same protocol beside the others, in one process with shared swarms. */
const OURS_ALL: Entry = {
  ...OURS_UDP,
  envName: 'AQUATIC_COMPARE_OURS_ALL',
  onPath: ownExecutable('aquatic'),
  command: (plan) => allCommand(plan, 'udp'),
}

/** It puts a line's end behind its dictionaries. */
const AQUATIC_HTTP: Entry = {
  ...OURS_HTTP,
  envName: 'AQUATIC_COMPARE_AQUATIC_HTTP',
  onPath: 'aquatic_http',
  command: (plan) => tlsCommand(plan, 'enable_tls'),
  cleaning: AQUATIC_UDP.cleaning,
  exempt: ['canonical_bencoding'],
}

/** It lists scraped torrents in the order in which they were asked for, and those it has no peers of not at all. */
const OPENTRACKER_HTTP: Entry = {
  ...OPENTRACKER,
  protocol: 'http',
  exempt: ['canonical_bencoding', 'unknown_torrents'],
}

const BITTORRENT_TRACKER_HTTP: Entry = {
  ...BITTORRENT_TRACKER_UDP,
  protocol: 'http',
  command: ({ executable, port }) => ({
    argv: [
      ...[executable, '--http', '--port', String(port), '--http-hostname', '127.0.0.1'],
      '--silent',
    ],
  }),
}

const CHIHAYA_HTTP: Entry = {
  ...CHIHAYA,
  protocol: 'http',
  command: (plan) => chihayaCommand(plan, CHIHAYA_HTTP_SECTION),
  exempt: ['unknown_torrents'],
}

const TORRUST_HTTP: Entry = {
  ...TORRUST,
  protocol: 'http',
  command: (plan) => torrustCommand(plan, 'http_trackers'),
}

const ENTRIES: Readonly<Record<Protocol, Readonly<Record<string, Entry>>>> = {
  udp: {
    ours: OURS_UDP,
    'ours-all': OURS_ALL,
    aquatic: AQUATIC_UDP,
    'aquatic-uring': AQUATIC_UDP_URING,
    opentracker: OPENTRACKER,
    'bittorrent-tracker': BITTORRENT_TRACKER_UDP,
    chihaya: CHIHAYA,
    torrust: TORRUST,
  },
  http: {
    ours: OURS_HTTP,
    'ours-all': { ...OURS_ALL, protocol: 'http', command: (plan) => allCommand(plan, 'http') },
    aquatic: AQUATIC_HTTP,
    opentracker: OPENTRACKER_HTTP,
    'bittorrent-tracker': BITTORRENT_TRACKER_HTTP,
    chihaya: CHIHAYA_HTTP,
    torrust: TORRUST_HTTP,
  },
  https: {
    ours: { ...OURS_HTTP, protocol: 'https' },
    aquatic: { ...AQUATIC_HTTP, protocol: 'https' },
  },
  ws: { ours: OURS_WS, aquatic: AQUATIC_WS },
  site: { ours: { ...OURS_ALL, protocol: 'site', command: siteCommand } },
}

/** Variants of ours with such a name listen on all addresses, as by default, and pay for packet info. */
const WILDCARD_NAME = 'ours-wildcard'

export function usesTls(protocol: Protocol): boolean {
  return protocol === 'ws' || protocol === 'https' || protocol === 'site'
}

export function namesOf(protocol: Protocol): string[] {
  return Object.keys(ENTRIES[protocol])
}

/** Any other name that starts with «ours-» is another build or other settings of our own tracker; null for a name of nobody. */
export function entryOf(protocol: Protocol, name: string): Entry | null {
  const entries = ENTRIES[protocol]
  return entries[name] ?? (name.startsWith('ours-') ? entries.ours : undefined) ?? null
}

/** Beside this program when it is an executable of its own, else where the build puts it, else the source. */
export function ownExecutable(name: string): string {
  const root = join(import.meta.dirname, '../..')
  const places = [join(dirname(process.execPath), name), join(root, 'dist', name)]
  return places.find((path) => existsSync(path)) ?? join(root, `bin/${name}.ts`)
}

export function runner(executable: string): string[] {
  return executable.endsWith('.ts') ? [process.execPath, executable] : [executable]
}

/** Writes the settings of a tracker of the family: the user's, with address and workers. */
function familySettings(plan: StartPlan, top: Record<string, number>, network = ''): string {
  const file = join(plan.folder, 'settings.toml')
  const host = plan.name.startsWith(WILDCARD_NAME) ? '0.0.0.0' : '127.0.0.1'
  const lines = `address = "${host}:${plan.port}"\n${network}`
  // Keys outside of sections stand first, and the user's own come before ours.
  const workers = Object.entries(top)
    .filter(([key]) => !new RegExp(`^${key} *=`, 'm').test(plan.settings))
    .map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(file, `${workers.join('')}${withNetwork(plan.settings, lines)}`)
  return file
}

/** Puts lines into the [network] table, which the given settings may already have. */
export function withNetwork(settings: string, lines: string): string {
  const table = '[network]\n'
  return settings.includes(table)
    ? settings.replace(table, table + lines)
    : `${settings}\n${table}${lines}`
}

function tlsCommand(plan: StartPlan, tlsKey: string): Command {
  const { certificate, executable, workers } = plan
  const tls =
    certificate === null
      ? ''
      : `${tlsKey} = true\ntls_certificate_path = "${certificate.certificate}"\n` +
        `tls_private_key_path = "${certificate.key}"\n`
  return {
    argv: [...runner(executable), '-c', familySettings(plan, { socket_workers: workers }, tls)],
  }
}

/** The others listen on ports that nobody asks. */
function allCommand(
  { executable, folder, port, settings, workers }: StartPlan,
  measured: string,
): Command {
  const file = join(folder, 'settings.toml')
  writeFileSync(file, settings)
  const env: Record<string, string> = {}
  for (const name of ['udp', 'http', 'ws']) {
    const asked = name === measured
    const prefix = `AQUATIC_${name.toUpperCase()}`
    env[`${prefix}_NETWORK_ADDRESS`] = `127.0.0.1:${asked ? port : 0}`
    if (asked) env[`${prefix}_SOCKET_WORKERS`] = String(workers)
  }
  return { argv: [...runner(executable), '-c', file], env }
}

/** Behind the port of UDP and HTTP. */
export const HTTPS_PORT = 1
export const WS_PORT = 2

/** Of a tracker: TCP and UDP ports in a row. */
export function portsOf({ protocol }: Pick<Entry, 'protocol'>): number {
  return protocol === 'site' ? 1 + WS_PORT : 1
}

/** All protocols, with TLS, on both loopback addresses. */
function siteCommand({
  executable,
  folder,
  port,
  settings,
  workers,
  certificate,
}: StartPlan): Command {
  const file = join(folder, 'settings.toml')
  writeFileSync(file, settings)
  const at = (offset: number) => `127.0.0.1:${port + offset},[::1]:${port + offset}`
  const env: Record<string, string> = {
    AQUATIC_UDP_NETWORK_ADDRESS: at(0),
    AQUATIC_HTTP_NETWORK_PLAIN_ADDRESS: at(0),
    AQUATIC_HTTP_NETWORK_ADDRESS: at(HTTPS_PORT),
    AQUATIC_WS_NETWORK_ADDRESS: at(WS_PORT),
  }
  for (const name of ['UDP', 'HTTP', 'WS']) env[`AQUATIC_${name}_SOCKET_WORKERS`] = String(workers)
  for (const name of ['HTTP', 'WS']) {
    env[`AQUATIC_${name}_NETWORK_USE_TLS`] = 'true'
    env[`AQUATIC_${name}_NETWORK_TLS_CERTIFICATE_PATH`] = certificate?.certificate ?? ''
    env[`AQUATIC_${name}_NETWORK_TLS_PRIVATE_KEY_PATH`] = certificate?.key ?? ''
  }
  return { argv: [...runner(executable), '-c', file], env }
}

function askVersion(executable: string): string {
  const [program, ...first] = runner(executable)
  const { stdout } = spawnSync(program, [...first, '--version'], { timeout: 5000 })
  const text = stdout?.toString().trim().split('\n')[0] ?? ''
  return text === '' ? fingerprint(executable) : text
}

function debianVersion(name: string, executable: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  const answer = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name])
  const version = answer.stdout?.toString().trim() ?? ''
  return version === '' ? fingerprint(executable) : `Debian ${version}`
}

/** Of the package that the executable, a link in node_modules/.bin, belongs to. */
function npmVersion(executable: string): string {
  const { stdout } = spawnSync('readlink', ['-f', executable])
  for (let at = dirname(stdout.toString().trim()); at.length > 1; at = dirname(at)) {
    const file = join(at, 'package.json')
    if (existsSync(file)) return `${JSON.parse(readFileSync(file, 'utf8')).version} (npm)`
  }
  return fingerprint(executable)
}

function fingerprint(executable: string): string {
  const hash = createHash('sha256').update(readFileSync(executable)).digest('hex')
  return `sha256 ${hash.slice(0, 12)}`
}
