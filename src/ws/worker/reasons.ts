// Why messages are refused, as clients are told, and as it is counted. Used by handle.ts; those of other parts of the tracker come from there.
import {
  byVerdict,
  countersByKeyVerdict,
  REFUSED_BY_KEYS_IN_USE,
} from '../../access-keys/verdict.ts'
import { byStatus, countersByStatus, DENIED_TEXTS } from '../../requests/refusals.ts'
import { GATED } from '../../swarm/status.ts'
import { phrase } from '../wire/writer.ts'
import { STORED_COUNTERS } from './counters.ts'

export const WHY = {
  json: phrase('Invalid JSON'),
  action: phrase('Invalid action: announce and scrape are known'),
  infoHash: phrase('Invalid info_hash: it must have 20 bytes'),
  peerId: phrase('Invalid peer_id: it must have 20 bytes'),
  event: phrase('Invalid event'),
  answer: phrase('Invalid answer: it needs an object answer, a to_peer_id and an offer_id'),
  noSuchOffer: phrase('No such offer: it was never made, is too old, or has been answered'),
  fullScrape: phrase('No info_hash: full scrapes are not allowed'),
  scrape: phrase('Invalid info_hash'),
  torrents: phrase('Too many torrents on one connection'),
  peerIds: phrase('Too many peer ids in one torrent on one connection'),
  oftenOnConnection: phrase('Too many requests on this connection: announce less often'),
  oftenFromAddress: phrase('Too many requests from your address: announce less often'),
  client: phrase(DENIED_TEXTS.client),
} as const

/** By status of an announce. */
export const TEXTS = byStatus(({ status, text }) => {
  return phrase(status === GATED ? 'Too many new torrents from your address' : text)
})

/** By verdict on an access key. */
export const KEY_TEXTS = byVerdict(({ text }) => phrase(text))

/** The counters of both. */
export const REASONS = countersByStatus(STORED_COUNTERS)
export const KEY_REASONS = countersByKeyVerdict(STORED_COUNTERS, 'rejected', REFUSED_BY_KEYS_IN_USE)
