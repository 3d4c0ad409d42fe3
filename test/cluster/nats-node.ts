// A node's engine with what it reports and receives, for the tests of the engine over NATS.
import type { EngineAccess } from '../../src/cluster/access.ts'
import { ENGINE_TIMES, type EngineTimes, NatsEngine } from '../../src/cluster/nats.ts'
import { waitUntil } from '../support/wait.ts'

export const QUICK: EngineTimes = {
  ...ENGINE_TIMES,
  watchMs: 100,
  retryMs: 20,
  retryMaxMs: 100,
  closeMs: 300,
}

export class Node {
  readonly statuses: string[] = []
  readonly received: string[] = []
  readonly engine: NatsEngine

  private constructor(engine: NatsEngine) {
    this.engine = engine
    engine.onStatus((connected, reason) =>
      this.statuses.push(`${connected ? 'up' : 'down'}: ${reason}`),
    )
  }

  static async open(servers: string | string[], more: Partial<EngineAccess> = {}, times = QUICK) {
    const access: EngineAccess = {
      servers: [servers].flat(),
      node: 'a',
      subject: 'test',
      credentials: { kind: 'none' },
      tls: null,
      ...more,
    }
    return new Node(await NatsEngine.open(access, times))
  }

  listen(subject: string): void {
    this.engine.subscribe(subject, (bytes, from) =>
      this.received.push(`${from} ${Buffer.from(bytes).toString('latin1')}`),
    )
  }

  connected(): Promise<void> {
    return waitUntil('the engine is connected', () => this.engine.isConnected())
  }

  reports(pattern: RegExp): Promise<void> {
    return waitUntil(`${pattern} is reported`, () =>
      this.statuses.some((text) => pattern.test(text)),
    ).catch((error) => {
      throw new Error(`${error.message}; there was ${this.statuses.join(', ')}`)
    })
  }
}

/** Opens nodes and closes them afterwards. */
export async function withNodes<T>(use: (open: typeof Node.open) => Promise<T>): Promise<T> {
  const nodes: Node[] = []
  try {
    return await use(async (...args) => {
      const node = await Node.open(...args)
      nodes.push(node)
      return node
    })
  } finally {
    await Promise.all(nodes.map(({ engine }) => engine.close()))
  }
}

export const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

/** Publishes until something of it is there: a subscription takes its time to be known. */
export async function arrives(
  from: Node,
  to: Node,
  text: string,
  subject = 'test.log.a',
): Promise<void> {
  await waitUntil(`${text} arrives`, () => {
    from.engine.publish(subject, bytesOf(text))
    return to.received.includes(`${subject} ${text}`)
  })
}

/** A program that publishes so many MiB, and ends when the server has read all. */
const FLOOD = `
  const [, port, subject, mebibytes] = process.argv
  const head = Buffer.from('PUB ' + subject + ' 65536\\r\\n')
  const message = Buffer.concat([head, Buffer.alloc(65536), Buffer.from('\\r\\n')])
  const socket = require('node:net').connect(Number(port), '127.0.0.1', () => {
    socket.write('CONNECT {}\\r\\n')
    for (let i = 0; i < mebibytes * 16; i++) socket.write(message)
    socket.write('PING\\r\\n')
  })
  socket.on('data', (bytes) => { if (bytes.includes('PONG')) process.exit(0) })
`

/** Another process publishes so much; this one does nothing meanwhile. */
export function flood(port: number, subject: string, mebibytes: number): void {
  const { exitCode } = Bun.spawnSync([
    process.execPath,
    '-e',
    FLOOD,
    `${port}`,
    subject,
    `${mebibytes}`,
  ])
  if (exitCode !== 0) throw new Error(`the flood ended with ${exitCode}`)
}
