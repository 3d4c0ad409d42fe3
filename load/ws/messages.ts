// The messages that simulated clients send, as text: announces with offers, answers, scrapes, in the
// spelling and order of webtorrent's. Used by client.ts. Owns the numbering of offers.
import type { Offers } from './offers.ts'
import { KIND_ANSWER, KIND_OFFER, type Payload } from './payload.ts'
import type { Population } from './population.ts'

/** Behind the offerer's prefix, in hex. */
const NUMBER_DIGITS = 8

export class Messages {
  private readonly population: Population
  private readonly payload: Payload
  private readonly offers: Offers

  constructor(population: Population, payload: Payload, offers: Offers) {
    this.population = population
    this.payload = payload
    this.offers = offers
  }

  /** Offers have the numbers from `firstOffer` on, and count as sent at `timeMs`. */
  announce(
    connection: number,
    torrent: number,
    what: { seeder: boolean; started: boolean; offers: number; firstOffer: number; timeMs: number },
  ): string {
    const { population } = this
    let offers = ''
    let number = what.firstOffer
    for (let i = 0; i < what.offers; i++) {
      this.offers.send(connection, number, what.timeMs)
      const sdp = this.payload.json(KIND_OFFER, connection, torrent, number)
      const id = `${population.offerIdPrefixJson(connection)}${digits(number)}`
      offers += `${i === 0 ? '' : ','}{"offer":{"type":"offer","sdp":"${sdp}"},"offer_id":"${id}"}`
      number = this.offers.next(number)
    }
    const left = what.seeder ? 0 : 50
    const event = what.started ? '"event":"started",' : ''
    return (
      `{"numwant":${what.offers},"uploaded":0,"downloaded":0,"left":${left},${event}"action":"announce",` +
      `${this.ids(connection, torrent)},"offers":[${offers}]}`
    )
  }

  /** To offer `number` of connection `offerer`. */
  answer(connection: number, torrent: number, offerer: number, number: number): string {
    const sdp = this.payload.json(KIND_ANSWER, connection, torrent, number)
    const id = `${this.population.offerIdPrefixJson(offerer)}${digits(number)}`
    return (
      `{"action":"announce",${this.ids(connection, torrent)},"to_peer_id":"${this.population.peerIdJson(offerer)}",` +
      `"answer":{"type":"answer","sdp":"${sdp}"},"offer_id":"${id}"}`
    )
  }

  scrape(torrents: readonly number[]): string {
    const hashes = torrents.map((torrent) => `"${this.population.infoHashJson(torrent)}"`)
    const one = hashes.length === 1 ? hashes[0] : `[${hashes.join(',')}]`
    return `{"action":"scrape","info_hash":${one}}`
  }

  private ids(connection: number, torrent: number): string {
    const { population } = this
    return `"info_hash":"${population.infoHashJson(torrent)}","peer_id":"${population.peerIdJson(connection)}"`
  }
}

/** As the offerer and whoever gets the offer should see it. */
export function offerId(population: Population, connection: number, number: number): string {
  return population.offerIdPrefix(connection) + digits(number)
}

function digits(number: number): string {
  return number.toString(16).padStart(NUMBER_DIGITS, '0')
}
