// The trackers as their users run them: the built executable with a settings file. Used by every
// real-client test.

import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { hostPort } from '../support/tracker.ts'
import type { Place } from './lab.ts'
import type { TestProcess } from './process.ts'

const READY_MS = 60_000
/** Clients are counted after 2, 6 and 14 seconds, and then told within one. */
const COUNTED_MS = 60_000
const STATISTICS = '[statistics]\ninterval = 1\npeer_clients = true\n'
const CERTIFICATE_MS = 60_000

/** One of our executables, or what stands in for it, and the protocol that it speaks. */
export interface TrackerKind {
  name: string
  /** A TypeScript file is run by this Bun. */
  executable: string
  scheme: 'udp' | 'http' | 'https' | 'ws' | 'wss'
  /** webtorrent/reference-tracker.ts takes every seeder for a completed download. */
  countsCompleted: boolean
  /** HTTP has the same port. */
  sharesPort?: boolean
}

export const UDP: TrackerKind = { ...executable('aquatic_udp'), scheme: 'udp' }
export const HTTP: TrackerKind = { ...executable('aquatic_http'), scheme: 'http' }
export const HTTPS: TrackerKind = { ...HTTP, scheme: 'https' }
export const WS: TrackerKind = { ...executable('aquatic_ws'), scheme: 'ws' }
export const WSS: TrackerKind = { ...WS, scheme: 'wss' }
/** The tracker of all protocols, with HTTPS and WebTorrent on one port. */
export const WSS_BESIDE_HTTPS: TrackerKind = {
  ...executable('aquatic'),
  scheme: 'wss',
  sharesPort: true,
}

/** AQUATIC_UDP_EXECUTABLE and the like, absolute paths, name others to test. */
function executable(name: string): Omit<TrackerKind, 'scheme'> {
  const other = process.env[`${name.toUpperCase()}_EXECUTABLE`]
  const executable = other ?? join(import.meta.dir, '../../dist', name)
  return { name, executable, countsCompleted: !executable.endsWith('reference-tracker.ts') }
}

export class Tracker {
  readonly kind: TrackerKind
  readonly process: TestProcess
  /** As its start line says them: `10.77.0.1:3000`, `[fd77::1]:3000`. */
  readonly addresses: string[]

  private constructor(kind: TrackerKind, process: TestProcess, addresses: string[]) {
    this.kind = kind
    this.process = process
    this.addresses = addresses
  }

  /** Starts it on `address` (`host:port`, port 0 for any free one) and waits until it listens. */
  static async start(
    place: Place,
    address: string,
    kind = UDP,
    settings: { announceIntervalSec?: number | undefined; first?: string; more?: string } = {},
  ): Promise<Tracker> {
    checkBuilt(kind.executable)
    const path = join(place.directory, `${kind.name}.toml`)
    const tls = ['wss', 'https'].includes(kind.scheme) ? await tlsSettings(place, address) : ''
    const { announceIntervalSec } = settings
    // Clients that offer and answer at the same time may fail, and would do so again in step.
    const interval =
      announceIntervalSec === undefined
        ? 'interval_jitter = 0\n'
        : `peer_announce_interval = ${announceIntervalSec}\ninterval_jitter = 25\n`
    const own = kind.sharesPort
      ? sharedSettings(address, tls, interval)
      : `[network]\naddress = '${address}'\n${tls}[protocol]\n${interval}`
    await Bun.write(path, (settings.first ?? '') + own + STATISTICS + (settings.more ?? ''))
    const run = kind.executable.endsWith('.ts') ? [process.execPath] : []
    const started = place.start(kind.name, [...run, kind.executable, '-c', path])
    const line = await started.waitForOutput(/listening on ([^(\n]+) \(/, READY_MS)
    return new Tracker(kind, started, (line[1] as string).split(', '))
  }

  get port(): number {
    const port = this.addresses[0]?.match(/:(\d+)$/)?.[1]
    if (port === undefined) throw new Error(`no port in ${this.addresses}`)
    return Number(port)
  }

  /** Where clients find it when they reach it as `host`. */
  url(host: string): string {
    return trackerUrl(this.kind, hostPort(host, this.port))
  }

  /** Throws unless it soon tells that these are the clients of all peers, and none else. */
  async expectClients(...names: string[]): Promise<void> {
    if (!this.kind.countsCompleted) return
    const shares = names.map((name) => `${RegExp.escape(name)} [\\d.]+ %`).join(', ')
    await this.process.waitForOutput(new RegExp(`^clients: ${shares}$`, 'm'), COUNTED_MS)
  }

  /** Its exit code; 0 after a clean stop. */
  stop(): Promise<number | string> {
    return this.process.stop()
  }
}

/** The lab is the tracker's own, so that no port is taken. */
const SHARED_PORT = 3443

function sharedSettings(address: string, tls: string, interval: string): string {
  const shared = `address = '${address.replace(/:0$/, `:${SHARED_PORT}`)}'\n`
  return (
    `[udp]\nenabled = false\n[http.network]\n${shared}${tls}` +
    `[ws.network]\n${shared}[ws.protocol]\n${interval}`
  )
}

/** The only one of keySettings. */
export const KEY = 'a-key_of-32-bytes-4b7d9e02c5f1a8'

/** Has the tracker ask for a key. */
export async function keySettings(place: Place): Promise<string> {
  const path = join(place.directory, 'keys.txt')
  await Bun.write(path, `${KEY}\n`)
  return `[access_keys]\nmode = 'required'\npath = '${path}'\n`
}

function trackerUrl(kind: TrackerKind, hostAndPort: string): string {
  return `${kind.scheme}://${hostAndPort}`
}

/** Makes a certificate for the address, which what is started there from now on trusts. */
export async function tlsSettings(place: Place, address: string): Promise<string> {
  const host = address.replace(/:\d+$/, '').replace(/[[\]]/g, '')
  const certificate = join(place.directory, 'certificate.pem')
  const key = join(place.directory, 'key.pem')
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'.split(' ')
  const subject = ['-subj', '/CN=aquatic test', '-addext', `subjectAltName=IP:${host}`]
  const files = ['-keyout', key, '-out', certificate]
  const command = ['openssl', 'req', '-x509', '-days', '2', ...newKey, ...subject, ...files]
  const maker = place.start('openssl', command)
  if ((await maker.waitForEnd(CERTIFICATE_MS)) !== 0) throw new Error(maker.report)
  place.trust(certificate)
  return `use_tls = true\ntls_certificate_path = '${certificate}'\ntls_private_key_path = '${key}'\n`
}
