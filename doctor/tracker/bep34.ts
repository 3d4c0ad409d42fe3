// BEP 34: what DNS says about a tracker's ports. Called by diagnose.ts.
import { isIP } from 'node:net'
import type { Diagnosis } from './diagnosis.ts'
import type { TrackerUrl } from './endpoint.ts'
import { type Naming, resolverAt } from './resolve.ts'

/** Names may have many records beside; nobody needs more than one of these. */
const RECORDS_MAX = 50
const REMEDY = 'Change the TXT record of the name that begins with BITTORRENT, or remove it.'

export async function probeBep34(
  { host, port, protocol }: TrackerUrl,
  naming: Naming,
  diagnosis: Diagnosis,
): Promise<void> {
  if (isIP(host) !== 0) return
  const records = await textRecords(host, naming)
  if (records === null) {
    diagnosis.add(
      'note',
      'bep34',
      'The name server did not say whether there is a record of BEP 34.',
    )
    return
  }
  const own = records.filter((text) => /^BITTORRENT\b/.test(text))
  if (own.length === 0) {
    diagnosis.good('bep34', 'No DNS record (BEP 34) keeps clients away.')
    return
  }
  const [text] = own
  if (own.length > 1)
    diagnosis.add(
      'warning',
      'bep34',
      `The name has ${own.length} records of BEP 34.`,
      'Clients take any of them.',
      REMEDY,
    )
  if (/^BITTORRENT\s+DENY ALL\b/.test(text)) {
    diagnosis.add(
      'fault',
      'bep34',
      `DNS says that there is no tracker at ${host}: "${text}".`,
      'Clients that follow BEP 34 never ask it.',
      REMEDY,
    )
    return
  }
  const kind = protocol === 'udp' ? 'UDP' : 'TCP'
  const ports = [...text.matchAll(/\b(UDP|TCP):(\d{1,5})\b/g)].map(
    ([, known, number]) => `${known}:${Number(number)}`,
  )
  if (ports.includes(`${kind}:${port}`)) diagnosis.good('bep34', `DNS names this port: "${text}".`)
  else {
    const cost =
      ports.length === 0
        ? 'Clients that follow BEP 34 never ask it.'
        : `Clients that follow BEP 34 ask ${ports.join(', ')} instead.`
    diagnosis.add(
      'fault',
      'bep34',
      `DNS names other ports than ${kind}:${port}: "${text}".`,
      cost,
      REMEDY,
    )
  }
}

/** What a name without such records is answered by. */
const NONE = /ENODATA|ENOTFOUND/

async function textRecords(
  host: string,
  { nameServer, patience }: Naming,
): Promise<string[] | null> {
  try {
    const records = await resolverAt(nameServer, patience).resolveTxt(host)
    return records.slice(0, RECORDS_MAX).map((parts) => parts.join('').slice(0, 255))
  } catch (error) {
    return NONE.test(String((error as NodeJS.ErrnoException).code)) ? [] : null
  }
}
