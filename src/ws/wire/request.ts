// A client's parsed message: the fields that matter, as words and as positions of its bytes. Filled by parse.ts,
// read by handle.ts and signal.ts. One per worker, reused for each message.
import { newRegion, type Region } from '../../memory/region.ts'
import { INFO_HASH_WORDS } from '../../swarm/table/torrents.ts'

/** Words of a 20-byte id of any kind. */
export const ID_WORDS = INFO_HASH_WORDS

// Values of the action.
export const ACTION_MISSING = 0
export const ACTION_ANNOUNCE = 1
export const ACTION_SCRAPE = 2
export const ACTION_UNKNOWN = 3

// Whether a field is present and valid.
export const ABSENT = 0
export const VALID = 1
export const INVALID = 2

export const EVENT_NONE = 0
export const EVENT_STARTED = 1
export const EVENT_COMPLETED = 2
export const EVENT_STOPPED = 3
export const EVENT_INVALID = 4

// The ids of a request, in `ids`: the ones of an answer, in the order in which an offer is remembered.
//  0 info hash │ 5 to peer id │ 10 offer id │ 15 peer id
export const INFO_HASH = 0
export const TO_PEER_ID = 5
export const OFFER_ID = 10
export const PEER_ID = 15
/** Of a peer id: differs between clients of one kind. */
export const PEER_ID_RANDOM = PEER_ID + 4
const IDS_WORDS = 20

// An offer, in `offers`: 0…4 offer id │ then positions in the message: 5 description, 6 its end │ 7 id, 8 its end
//  │ 9 the whole item, 10 its end; 0 = it holds more than those two
export const OFFER_TEXT = 5
export const OFFER_TEXT_END = 6
export const OFFER_ID_TEXT = 7
export const OFFER_ID_TEXT_END = 8
export const OFFER_ITEM = 9
export const OFFER_ITEM_END = 10
export const OFFER_WORDS = 11

// An info hash to scrape, in `hashes`: 0…4 the hash │ its position in the message: 5, 6 its end
export const HASH_TEXT = 5
export const HASH_TEXT_END = 6
export const HASH_WORDS = 7

const NOWHERE = newRegion(4)

export class Request {
  /** Where the message is, during its handling. Positions are those of `source.bytes`. */
  source: Region = NOWHERE
  from = 0
  to = 0
  action = ACTION_MISSING
  readonly ids = new Int32Array(IDS_WORDS)
  infoHash = ABSENT
  infoHashText = 0
  infoHashTextEnd = 0
  peerId = ABSENT
  peerIdText = 0
  peerIdTextEnd = 0
  toPeerId = ABSENT
  offerId = ABSENT
  offerIdText = 0
  offerIdTextEnd = 0
  answer = ABSENT
  answerText = 0
  answerTextEnd = 0
  event = EVENT_NONE
  /** `left` is the number 0. */
  seeder = false
  /** Valid offers, up to the limit; invalid items of the list; offers beyond the limit. */
  offerCount = 0
  offersInvalid = 0
  offersBeyond = 0
  readonly offers: Int32Array
  offersMax: number
  /** Info hashes, up to the limit; a single one outside a list is the first. */
  hashCount = 0
  /** The info hashes came as a list. */
  hashList = false
  readonly hashes: Int32Array
  hashesMax: number

  constructor(offersMax: number, hashesMax: number) {
    this.offersMax = offersMax
    this.hashesMax = hashesMax
    this.offers = new Int32Array(Math.max(1, offersMax) * OFFER_WORDS)
    this.hashes = new Int32Array(hashesMax * HASH_WORDS)
  }

  /** Changes the limits, to at most those of the start. */
  limitTo(offersMax: number, hashesMax: number): void {
    this.offersMax = offersMax
    this.hashesMax = hashesMax
  }

  // HOT: no allocation below this line.

  clear(source: Region, from: number, to: number): void {
    this.source = source
    this.from = from
    this.to = to
    this.action = ACTION_MISSING
    this.infoHash = ABSENT
    this.peerId = ABSENT
    this.toPeerId = ABSENT
    this.offerId = ABSENT
    this.answer = ABSENT
    this.event = EVENT_NONE
    this.seeder = false
    this.offerCount = 0
    this.offersInvalid = 0
    this.offersBeyond = 0
    this.hashCount = 0
    this.hashList = false
  }
}
