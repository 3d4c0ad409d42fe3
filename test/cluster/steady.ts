// A client that announces to nodes of a cluster all the time while a test does something to others of them. Each request is sent
// once, and each has to be answered: what happens to other nodes and to their servers must not cost an answer here.
import type { Endpoint } from '../support/tracker.ts'
import { UdpClient } from '../support/udp-client.ts'
import { passMs } from '../support/wait.ts'

/** Between an answer and the next request to the same node. Many clients in one process must leave a slow machine time. */
const PAUSE_MS = 50
/** An answer that takes longer is lost. One that a slow machine gives late is not. */
const ANSWER = { resendMs: 60_000, tries: 1 }
const PORT = 7
const INFO_HASH = new Uint8Array(20).fill(3)

export class Steady {
  /** `hostname`: whence. Asks each of them where it is then, until `use` is done; throws if one does not answer. */
  static async during<T>(
    hostname: string,
    nodes: readonly (() => Endpoint)[],
    use: () => Promise<T>,
  ): Promise<T> {
    const client = await UdpClient.open(hostname, ANSWER)
    const steady = new Steady(client)
    try {
      const asking = Promise.all(nodes.map((at) => steady.ask(at)))
      // Whichever fails first is told.
      const used = use().finally(() => {
        steady.isDone = true
      })
      const [result] = await Promise.all([used, asking])
      return result
    } finally {
      steady.isDone = true
      client.close()
    }
  }

  private readonly client: UdpClient
  private isDone = false

  private constructor(client: UdpClient) {
    this.client = client
  }

  private async ask(at: () => Endpoint): Promise<void> {
    do {
      await this.client.announce(at(), { infoHash: INFO_HASH, port: PORT, left: 1n })
      await passMs(PAUSE_MS)
    } while (!this.isDone)
  }
}
