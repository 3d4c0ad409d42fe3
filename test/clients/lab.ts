// A network namespace and a temporary directory of a test's own, and the processes inside. Every
// test here opens one with `await using`; lab.sh creates and removes it.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { TestProcess } from './process.ts'

/** Who is where in a lab; the tracker's host has two addresses. */
export interface Hosts {
  family: 'IPv4' | 'IPv6'
  wildcard: string
  tracker: string
  trackerSecond: string
  seeder: string
  leecher: string
}

export const IPV4: Hosts = {
  family: 'IPv4',
  wildcard: '0.0.0.0',
  tracker: '10.77.0.1',
  trackerSecond: '10.77.0.9',
  seeder: '10.77.0.2',
  leecher: '10.77.0.3',
}
export const IPV6: Hosts = {
  family: 'IPv6',
  wildcard: '::',
  tracker: 'fd77::1',
  trackerSecond: 'fd77::9',
  seeder: 'fd77::2',
  leecher: 'fd77::3',
}

const READY_MS = 60_000

/** Where a tracker can be started. */
export interface Place {
  readonly directory: string
  start(name: string, command: string[]): TestProcess
  trust(certificatePath: string): void
}

export class Lab implements Place, AsyncDisposable {
  readonly directory: string
  readonly #name: string
  readonly #keeper: TestProcess
  readonly #processes: TestProcess[] = []
  readonly #environment: Record<string, string> = {}
  #certificate: string | undefined

  private constructor(name: string, directory: string, keeper: TestProcess) {
    this.#name = name
    this.directory = directory
    this.#keeper = keeper
  }

  static async open(): Promise<Lab> {
    const name = `aquatic-${randomBytes(4).toString('hex')}`
    const script = join(import.meta.dir, 'lab.sh')
    // Detached, because it has to outlive a test run that is killed as a process group.
    const detached = { detached: true }
    const keeper = new TestProcess('lab.sh', [script, name], cleanEnvironment(), detached)
    const ready = await keeper.waitForOutput(/^ready (.+)$/m, READY_MS)
    return new Lab(name, ready[1] as string, keeper)
  }

  /** Starts a process inside. It lives at most as long as the lab. */
  start(name: string, command: string[]): TestProcess {
    const inside = ['nsenter', `--net=/run/netns/${this.#name}`, '--', ...command]
    const home = { HOME: this.directory, XDG_CONFIG_HOME: this.directory }
    const environment = { ...cleanEnvironment(), ...home, ...this.#environment }
    const started = new TestProcess(name, inside, environment)
    this.#processes.push(started)
    return started
  }

  /**
   * Has what is started from now on trust a certificate: Node, Bun, OpenSSL's other users (libtorrent,
   * qBittorrent), and Transmission, which trusts everything until it is told to look.
   */
  trust(certificatePath: string): void {
    this.#certificate = certificatePath
    this.#environment.NODE_EXTRA_CA_CERTS = certificatePath
    this.#environment.SSL_CERT_FILE = certificatePath
    this.#environment.CURL_CA_BUNDLE = certificatePath
    this.#environment.TR_CURL_SSL_VERIFY = '1'
  }

  /** The certificate to trust, for clients that have a setting for it. */
  get certificate(): string | undefined {
    return this.#certificate
  }

  /** The last output of every process. */
  get report(): string {
    return this.#processes.map((process) => process.report).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.closeInput()
    const code = await this.#keeper.waitForEnd(READY_MS)
    if (code !== 0) throw new Error(`lab not removed (${code})\n${this.#keeper.report}`)
  }
}

/** Ours, without what would change the tracker's settings. */
function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env)
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith('AQUATIC_'))) as Record<
    string,
    string
  >
}
