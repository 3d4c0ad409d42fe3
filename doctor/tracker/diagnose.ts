// Says what is wrong with a tracker, whatever its software: of its name, and at each of its addresses. Called by ask.ts.
import type { Report } from '../finding.ts'
import { probeBep34 } from './bep34.ts'
import { Diagnosis } from './diagnosis.ts'
import type { Endpoint, TrackerUrl } from './endpoint.ts'
import { probeHttp } from './http/probe.ts'
import { type Naming, type Places, placesOf } from './resolve.ts'
import { probeUdp } from './udp/probe.ts'
import { probeWs } from './ws/probe.ts'

export interface Means extends Naming {
  /** An authority to trust beside the system's, as PEM. */
  readonly authority?: string
}

/** First of the name, then of each address. */
export async function diagnose(url: TrackerUrl, means: Means): Promise<Report[]> {
  const places = await placesOf(url, means)
  const name = new Diagnosis()
  names(url, places, name, means.addresses.length > 0)
  await probeBep34(url, means, name)
  const reports: Report[] = []
  if (name.findings.length > 0) reports.push({ subject: url.text, findings: name.findings })
  for (const endpoint of places.endpoints) {
    const diagnosis = new Diagnosis()
    await probe(endpoint, means, diagnosis)
    reports.push({ subject: `${url.text} at ${endpoint.address}`, findings: diagnosis.findings })
  }
  return reports
}

async function probe(
  endpoint: Endpoint,
  { patience, authority }: Means,
  diagnosis: Diagnosis,
): Promise<void> {
  const { protocol } = endpoint.url
  if (protocol === 'udp') return probeUdp(endpoint, patience, diagnosis)
  if (protocol === 'http' || protocol === 'https')
    return probeHttp(endpoint, patience, diagnosis, authority)
  return probeWs(endpoint, patience, diagnosis, authority)
}

/** `isTold`: the addresses are the caller's, not the name's. */
function names(
  { host }: TrackerUrl,
  { endpoints, outOfReach, failure }: Places,
  diagnosis: Diagnosis,
  isTold: boolean,
): void {
  if (failure !== '') {
    diagnosis.add(
      'fault',
      'addresses',
      `${host} cannot be resolved: ${failure}.`,
      'No client finds it.',
    )
    return
  }
  for (const address of outOfReach) {
    const text = `${address} was not asked: this machine has no address of its family.`
    diagnosis.add(
      endpoints.length === 0 ? 'fault' : 'note',
      'out_of_reach',
      text,
      '',
      'Ask again from a machine that has both families.',
    )
  }
  const all = [...endpoints.map(({ address }) => address), ...outOfReach]
  const count = (family: 4 | 6) =>
    all.filter((address) => address.includes(':') === (family === 6)).length
  const [four, six] = [count(4), count(6)]
  if (isTold || host === all[0]) return
  if (four > 0 && six > 0)
    diagnosis.good('addresses', `${host} has ${four} IPv4 and ${six} IPv6 addresses.`)
  else {
    const text = `${host} has ${four === 0 ? 'IPv6' : 'IPv4'} addresses only.`
    const cost =
      four === 0
        ? 'Most clients have no IPv6.'
        : 'A fifth to a third of announces come over IPv6 where that is served.'
    diagnosis.add(four === 0 ? 'warning' : 'note', 'addresses', text, cost)
  }
}
