// A real nats-server on 127.0.0.1, for the tests of clusters: the one that NATS_SERVER names, or an installed one. Owns its process
// and folder until stop().
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from './folder.ts'
import { waitUntil } from './wait.ts'

// Debian's is not in the path of every user.
const PLACES = [process.env.NATS_SERVER, Bun.which('nats-server'), '/usr/sbin/nats-server']
/** Null if there is none. */
export const NATS_EXECUTABLE =
  PLACES.find((path) => typeof path === 'string' && existsSync(path)) ?? null

/** For the name of a describe block that is skipped without one. */
export const WHY_NO_NATS =
  NATS_EXECUTABLE === null ? ' (skipped: no nats-server; NATS_SERVER names one)' : ''

export class NatsServer {
  port = 0
  private readonly folder = newFolder()
  private readonly settings: string
  private readonly prefix: readonly string[]
  private process: Bun.Subprocess | null = null
  private output = ''

  /** `settings`: of its settings file, beside where it listens. It has started when this is done. */
  static async start(settings = ''): Promise<NatsServer> {
    const server = new NatsServer(settings)
    await server.run()
    return server
  }

  /** By a settings file that says where it listens. `prefix`: a command to run it by. */
  static async startFile(path: string, prefix: readonly string[] = []): Promise<NatsServer> {
    const server = new NatsServer('', prefix)
    await server.runFile(path)
    return server
  }

  private constructor(settings: string, prefix: readonly string[] = []) {
    this.settings = settings
    this.prefix = prefix
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Where it listens for other servers. It says so after it is ready. */
  async routeAddress(): Promise<string> {
    const listening = /Listening for route connections on (\S+)\n/
    await this.waitForLog(listening)
    return listening.exec(this.output)?.[1] ?? ''
  }

  /** What it has logged. */
  get log(): string {
    return this.output
  }

  /** The same settings on the same port, after kill(); `settings`: instead of those it has. */
  async run(settings = this.settings): Promise<void> {
    await this.runFile(this.write(settings))
  }

  /** Other settings, without an end of its connections. */
  async reload(settings: string): Promise<void> {
    const before = this.output.length
    this.write(settings)
    this.signal('SIGHUP')
    await waitUntil('nats-server has read its settings', () =>
      this.output.slice(before).includes('Reloaded server configuration'),
    )
  }

  private write(settings: string): string {
    const file = join(this.folder, 'nats.conf')
    writeFileSync(file, `listen: "127.0.0.1:${this.port === 0 ? -1 : this.port}"\n${settings}\n`)
    return file
  }

  /** Again, if a connection of another process has the port for a moment. */
  private async runFile(file: string): Promise<void> {
    await waitUntil('the port of nats-server is free', () => this.tryFile(file))
  }

  private async tryFile(file: string): Promise<boolean> {
    if (NATS_EXECUTABLE === null) throw new Error('there is no nats-server')
    this.output = ''
    const child = Bun.spawn([...this.prefix, NATS_EXECUTABLE, '-c', file], {
      stdout: 'ignore',
      stderr: 'pipe',
    })
    this.process = child
    const read = this.read(child.stderr)
    const listening = /Listening for client connections on [0-9.]+:(\d+)/
    await waitUntil('nats-server is ready', () => {
      const isReady = listening.test(this.output) && this.output.includes('Server is ready')
      return isReady || child.exitCode !== null || child.signalCode !== null
    })
    if (child.exitCode !== null || child.signalCode !== null) {
      await read
      if (/address already in use/.test(this.output)) return false
      throw new Error(`nats-server has ended: ${this.output}`)
    }
    this.port = Number(listening.exec(this.output)?.[1])
    return true
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): void {
    this.process?.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.process?.exited
  }

  async waitForLog(pattern: RegExp): Promise<void> {
    await waitUntil(`nats-server logs ${pattern}`, () => pattern.test(this.output))
  }

  async stop(): Promise<void> {
    await this.kill()
    removeFolder(this.folder)
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) this.output += decoder.decode(chunk, { stream: true })
  }
}

/** Has it used, and ends it. */
export async function withNats<T>(
  settings: string,
  use: (server: NatsServer) => Promise<T>,
): Promise<T> {
  const server = await NatsServer.start(settings)
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}
