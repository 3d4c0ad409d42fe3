// Finds out what settings ask of the host: which tracker a file is for, and what its settings mean for the kernel. Called
// by host.ts.
import { basename } from 'node:path'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { listenAddresses } from '../../src/config/listen.ts'
import { type BaseSettings, type Environment, loadSettings } from '../../src/config/load.ts'
import type { ConfigOf, Schema, Settings } from '../../src/config/schema.ts'
import { httpTracker } from '../../src/http/main/main.ts'
import { reserveBytes } from '../../src/swarm/memory.ts'
import { kindsOf } from '../../src/tracker/place.ts'
import { enabledOf } from '../../src/tracker/protocol.ts'
import type { TrackerProgram } from '../../src/tracker/tracker.ts'
import { udpTracker } from '../../src/udp/main/main.ts'
import { wsTracker } from '../../src/ws/main/main.ts'
import { UsageError } from '../command-line.ts'
import type { WantedPort, Wants } from './wants.ts'

type Protocol = 'udp' | 'http' | 'ws'

interface Known {
  readonly program: TrackerProgram<Schema>
  /** In the order of its protocols. */
  readonly protocols: readonly Protocol[]
}

/** As many as a section of settings may have. */
const MISTAKES_OF_SECTION = 100

const TITLES = { udp: 'UDP', http: 'HTTP', ws: 'WebTorrent' } as const

const PROGRAMS: readonly Known[] = [
  { program: aquaticTracker, protocols: ['udp', 'http', 'ws'] },
  { program: anyProgram(udpTracker), protocols: ['udp'] },
  { program: anyProgram(httpTracker), protocols: ['http'] },
  { program: anyProgram(wsTracker), protocols: ['ws'] },
]

export const PROGRAM_NAMES = PROGRAMS.map(({ program }) => program.name)

/** Here only the settings matter, not the type that follows from each schema. */
function anyProgram<S extends Schema>(program: TrackerProgram<S>): TrackerProgram<Schema> {
  return program as unknown as TrackerProgram<Schema>
}

export function programNamed(name: string): TrackerProgram<Schema> | null {
  return PROGRAMS.find(({ program }) => program.name === name)?.program ?? null
}

export interface GivenSettings {
  readonly configPath: string | null
  /** Whose they are, if that has been said. */
  readonly program: string | null
  readonly environment: Environment
  /** Settings that the flags of a running tracker bring. */
  readonly base?: BaseSettings | undefined
}

/** Throws UsageError with all that is wrong in the settings, or when they may be those of several programs. */
export function wantsOf(given: GivenSettings): Wants {
  const known = knownFor(given)
  const { program } = known
  const loaded = load(program.settings, given)
  if (loaded.problems.length > 0) {
    const lines = loaded.problems.map((problem) => `\n  ${problem}`)
    throw new UsageError(`mistakes in the settings of ${program.name}:${lines.join('')}`)
  }
  const source =
    given.configPath === null
      ? `the default settings of ${program.name}`
      : `${given.configPath} (${program.name})`
  return wantsIn(known, loaded.config, source)
}

function knownFor({ configPath, program }: GivenSettings): Known {
  if (program !== null) {
    const known = PROGRAMS.find((each) => each.program.name === program)
    if (known !== undefined) return known
    throw new UsageError(`--program ${program} is none of ${PROGRAM_NAMES.join(', ')}`)
  }
  if (configPath === null) return PROGRAMS[0]
  // The environment is not looked at: it may be meant for any of them.
  const given = { configPath, program, environment: {} }
  const tried = PROGRAMS.map((known) => ({ known, loaded: load(known.program.settings, given) }))
  const fitting = tried.filter(({ loaded }) => loaded.problems.length === 0)
  if (fitting.length === 1) return fitting[0].known
  const words = basename(configPath)
  const named = PROGRAMS.find((each) => new RegExp(`^${each.program.name}\\b`).test(words))
  if (named !== undefined) return named
  if (fitting.length === 0) {
    // The one that it has the fewest mistakes for is most likely meant, and its mistakes are reported.
    return tried.reduce((best, each) => (misfit(each.loaded) < misfit(best.loaded) ? each : best))
      .known
  }
  const names = fitting.map(({ known }) => known.program.name)
  throw new UsageError(
    `${configPath} may be for ${names.join(' or ')}: say which, such as --program ${names[0]}`,
  )
}

/** A section that a program does not have tells more than any number of its keys. */
function misfit({ problems }: { readonly problems: readonly string[] }): number {
  const sections = problems.filter((problem) => problem.includes(' is not a section ')).length
  return problems.length + sections * MISTAKES_OF_SECTION
}

function load(settings: Settings<Schema>, { configPath, environment, base }: GivenSettings) {
  return loadSettings(settings, configPath, environment, { base })
}

function wantsIn({ program, protocols }: Known, config: ConfigOf<Schema>, source: string): Wants {
  const given = config as Parameters<(typeof program.protocols)[0]['listens']>[0]
  const enabled = enabledOf(program.protocols, given)
  const served = protocols.filter((_, i) => enabled.includes(program.protocols[i]))
  const own = (protocol: Protocol) => ownPart(config, program.several === true, protocol)
  const ports = served.flatMap((protocol) => {
    const type = program.protocols[protocols.indexOf(protocol)]
    const addresses = listenAddresses(type.listens(given).settings)
    return addresses.flatMap(({ port, family, dualStack, host }): WantedPort[] => {
      if (port === 0 || isLoopback(host)) return []
      const transport = protocol === 'udp' ? ('udp' as const) : ('tcp' as const)
      const wanted = { title: TITLES[protocol], transport, port }
      const families = dualStack ? ([4, 6] as const) : ([family] as const)
      return families.map((each) => ({ ...wanted, family: each }))
    })
  })
  const { limits } = given as unknown as { limits: { max_torrents: number; max_peers: number } }
  return {
    source,
    ports,
    servesUdp: served.includes('udp'),
    servesTcp: served.some((protocol) => protocol !== 'udp'),
    sharesConnectionIds:
      served.includes('udp') && (own('udp').protocol?.connection_id_secret_path ?? '') !== '',
    receiveBuffer: served.includes('udp') ? own('udp').network.socket_recv_buffer_size : 0,
    connections: served.reduce(
      (sum, protocol) =>
        sum + (protocol === 'udp' ? 0 : (own(protocol).limits.max_connections ?? 0)),
      0,
    ),
    reserveBytes: reserveBytes({
      maxTorrents: limits.max_torrents,
      maxPeers: limits.max_peers,
      kinds: kindsOf(enabled),
    }),
  }
}

/** What the kernel has to do with. */
interface OwnPart {
  readonly network: { readonly socket_recv_buffer_size: number }
  readonly limits: { readonly max_connections?: number }
  readonly protocol?: { readonly connection_id_secret_path?: string }
}

/** Of a tracker with several protocols the section that has a protocol's own settings. */
function ownPart(config: object, several: boolean, protocol: Protocol): OwnPart {
  const part = several ? (config as Record<Protocol, object>)[protocol] : config
  return part as OwnPart
}

/** Behind a proxy on the same host: no network is on the way. */
function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1'
}
