// qBittorrent without a window, and what its web interface shows of the tracker. Used by http-client.ts.

import { join } from 'node:path'
import { apiPort, type Client, peerPort } from './client.ts'
import type { Lab } from './lab.ts'

const ANSWER_MS = 60_000

/** What its list of trackers says of one. */
export interface TrackerEntry {
  url: string
  msg: string
  num_seeds: number
  num_leeches: number
}

export const qbittorrent: Client = async (lab, name, { torrent, directory, address }) => {
  const profile = join(lab.directory, `${name}.qbittorrent`)
  await Bun.write(join(profile, 'qBittorrent/config/qBittorrent.conf'), settings(name, address))
  const options = [`--profile=${profile}`, `--save-path=${directory}`, '--skip-dialog=true']
  return lab.start(name, ['qbittorrent-nox', ...options, torrent.path])
}

function settings(name: string, address: string): string {
  return `[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Port=${peerPort(name)}
Session\\InterfaceAddress=${address}
Session\\QueueingSystemEnabled=false
Session\\SSRFMitigation=false
Session\\MultiConnectionsPerIp=true
Session\\ValidateHTTPSTrackerCertificate=true
[Network]
PortForwardingEnabled=false
[Preferences]
Connection\\ResolvePeerCountries=false
WebUI\\Enabled=true
WebUI\\Address=127.0.0.1
WebUI\\Port=${apiPort(name)}
WebUI\\LocalHostAuth=false
WebUI\\HostHeaderValidation=false
General\\Locale=en
`
}

/** What it shows of the tracker of a torrent; undefined as long as it has not added that. */
export async function trackerEntry(
  lab: Lab,
  name: string,
  torrent: { url: string; infoHashes: string[] },
): Promise<TrackerEntry | undefined> {
  const path = `/api/v2/torrents/trackers?hash=${torrent.infoHashes[0]}`
  const url = `http://127.0.0.1:${apiPort(name)}${path}`
  // From inside the lab, where its interface is.
  const code = `console.log(await (await fetch('${url}')).text())`
  const asked = lab.start('qBittorrent API', [process.execPath, '-e', code])
  if ((await asked.waitForEnd(ANSWER_MS)) !== 0) return undefined
  if (!asked.output.startsWith('[')) return undefined
  const entries: TrackerEntry[] = JSON.parse(asked.output)
  return entries.find((entry) => entry.url === torrent.url)
}
