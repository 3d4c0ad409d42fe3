// Collects what the probes of one tracker find, and judges what all protocols have alike. Used by the probes.
import type { Finding, Severity } from '../finding.ts'
import { shown, Unmet } from './check.ts'
import { addressText, isLoopback, isPublic } from './endpoint.ts'
import { INTERVAL_MAX, INTERVAL_MIN } from './interval.ts'

const PRIVATE_REMEDY =
  'A public tracker may not keep peers with private addresses, such as this machine’s: ask it from elsewhere.'

export class Diagnosis {
  readonly findings: Finding[] = []

  add(severity: Severity, name: string, text: string, cost = '', remedy = ''): void {
    this.findings.push({
      name,
      severity,
      text,
      ...(cost === '' ? {} : { cost }),
      ...(remedy === '' ? {} : { remedy }),
    })
  }

  good(name: string, text: string): void {
    this.add('good', name, text)
  }

  /** What a step gives; undefined, with a finding, if the tracker fails in it. */
  async step<T>(
    name: string,
    what: string,
    cost: string,
    run: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof Unmet)) throw error
      this.add('fault', name, `${what}: ${error.message}.`, cost)
      return undefined
    }
  }

  /** For UDP and HTTP, whose lists have bounds. */
  interval(seconds: number): void {
    if (seconds >= INTERVAL_MIN && seconds <= INTERVAL_MAX) {
      this.good('interval', `It asks clients to announce every ${seconds} seconds.`)
      return
    }
    const bounds = `${INTERVAL_MIN} to ${INTERVAL_MAX}`
    const cost = `newTrackon, from which other lists are made, takes trackers with ${bounds} seconds only.`
    this.add(
      'warning',
      'interval',
      `It asks clients to announce every ${seconds} seconds.`,
      cost,
      `Set an interval of ${bounds} seconds.`,
    )
  }

  /** Whether the second client was given the first, and by which address. */
  ownPeer(found: Buffer | undefined, count: number, asked: string): void {
    if (found === undefined) {
      const text = `A second client gets ${count} peers, and the one that announced before is not among them.`
      const cost = 'Clients of a small torrent never meet.'
      // In a local network that may be meant: nobody elsewhere can reach such peers.
      if (isPublic(asked) || isLoopback(asked)) this.add('fault', 'own_peer', text, cost)
      else this.add('warning', 'own_peer', text, cost, PRIVATE_REMEDY)
      return
    }
    const text = addressText(found)
    this.good('own_peer', `A second client gets the first one, as ${text}.`)
    if (isPublic(found) || !isPublic(asked)) return
    const cost = 'Clients elsewhere cannot reach peers by such addresses.'
    const remedy =
      'The tracker sees a proxy or a container’s gateway in place of its clients: have the proxy name them, or turn off the userland proxy of Docker.'
    this.add(
      'fault',
      'peer_address',
      `This client is passed on by the address ${text}, which is not public.`,
      cost,
      remedy,
    )
  }

  counts(what: string, got: string, wanted: string): void {
    if (got === wanted)
      this.good('scrape', `A scrape counts the ${what}: ${wanted} (seeders/leechers).`)
    else
      this.add(
        'warning',
        'scrape',
        `A scrape counts ${got} (seeders/leechers) where ${wanted} are there.`,
        'Clients and lists show wrong numbers.',
      )
  }

  stopped(isGone: boolean): void {
    if (isGone) this.good('stopped', 'A client that stops is no longer returned.')
    else
      this.add(
        'warning',
        'stopped',
        'A client that has stopped is still returned.',
        'Clients try peers that have left.',
      )
  }

  refused(reason: unknown): void {
    const cost =
      'Lists of open trackers leave it out; clients need to know that their torrents are served.'
    this.add(
      'warning',
      'open',
      `It refuses a torrent that it does not know: ${shown(reason)}.`,
      cost,
    )
  }
}
