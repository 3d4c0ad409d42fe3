// An offer on its way to its receiver. One per worker, reused, in signal.ts and in exchange.ts: filled from an announce
// here or from a record of another worker, and then sent or written to such a record.
import { newRegion, type Region } from '../../memory/region.ts'

const NOWHERE = newRegion(4)
const NOBODY = new Int32Array(0)

export class RelayedOffer {
  /** The receiver's connection and its generation. */
  connection = 0
  generation = 0
  /** Its peer id is at `receivers[receiverAt]`, unless the offer has come from another worker to a client's. */
  receivers: Int32Array = NOBODY
  receiverAt = 0
  /** Under which the receiver remembers the offer (signal.ts). */
  keyHash = 0
  keyId = 0
  offerer = 0
  offererGeneration = 0
  /** Where the offer's description and id are, as fields of a message; then the common end (wire/serialize.ts). */
  fields: Region = NOWHERE
  fieldsFrom = 0
  fieldsTo = 0
  tail: Region = NOWHERE
  tailFrom = 0
  tailTo = 0
}
