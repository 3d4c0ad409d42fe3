// HTTPS in the main thread: its addresses, workers, new certificates on SIGUSR1, and descriptors. Created by
// main.ts if use_tls is set.
import type { MessagePort } from 'node:worker_threads'
import type { SocketAddress } from '../../config/address.ts'
import { logFor } from '../../log/log.ts'
import { OpenDescriptors } from '../../os/descriptors.ts'
import type { Identity } from '../../os/privileges.ts'
import { descriptorLimit } from '../../os/tcp-port.ts'
import { signals } from '../../process/signals.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import { Acme } from '../../tls/acme.ts'
import { acmeDomains } from '../../tls/acme-settings.ts'
import { CertificateChange } from '../../tls/certificate-change.ts'
import { reloadProblems } from '../../tls/reload-check.ts'
import type { TlsFiles } from '../../tls/tls.ts'
import { DescriptorGuard } from '../../tracker/descriptor-guard.ts'
import type { TrackerProcess } from '../../tracker/protocol.ts'
import { findTlsAddresses, type TlsListening } from '../../tracker/tcp-listeners.ts'
import type { HttpConfig } from '../settings/config.ts'
import type { HttpWorkerData } from '../worker/serving.ts'
import {
  DRAIN_MILLISECONDS,
  type TlsWorkerData,
  type TlsWorkerReport,
} from '../worker/tls-worker.ts'
import type { HttpUpdate } from '../worker/worker-updates.ts'

/** For the rest of the shutdown after the drain. */
const END_MILLISECONDS = 2000

const log = logFor('http')

interface HttpsParts {
  readonly process: TrackerProcess
  /** The settings at startup. */
  readonly config: HttpConfig
  readonly workers: number
  readonly tls: TlsFiles
}

export class Https {
  readonly addresses: readonly SocketAddress[]
  private readonly parts: HttpsParts
  private readonly listening: TlsListening
  private readonly group: WorkerGroup
  private readonly certificates: CertificateChange
  private readonly guard: DescriptorGuard
  /** Null if someone else provides the certificate's files. */
  private readonly acme: Acme | null

  constructor(parts: HttpsParts) {
    const { process, config, workers } = parts
    this.parts = parts
    this.listening = findTlsAddresses(config.network, process.takesOver)
    this.addresses = this.listening.addresses
    this.group = process.newWorkers({
      protocol: 'http',
      heard: (report) => this.heard(report as TlsWorkerReport),
      drainMilliseconds: DRAIN_MILLISECONDS + END_MILLISECONDS,
    })
    this.certificates = new CertificateChange(config.network, workers, log, (certificates) =>
      this.tell({ certificates }),
    )
    const wanted = acmeDomains(config.acme).length > 0
    this.acme = wanted ? new Acme(config.acme, log, () => this.renewCertificates()) : null
    const limit = descriptorLimit()
    const descriptors = new OpenDescriptors(limit)
    this.guard = new DescriptorGuard({ ports: this.ports(), descriptors, limit })
  }

  /** Resolves once it serves. */
  startWorker(own: OwnStart<HttpWorkerData>, ports: readonly MessagePort[]): Promise<void> {
    const { tls } = this.parts
    const addresses = this.listening.servers
    return this.group.start<TlsWorkerData>({ ...own, role: 'tls', addresses, tls }, ports)
  }

  /** Its workers serve others too, which take so long to end. */
  drainFor(milliseconds: number): void {
    this.group.drainMilliseconds = Math.max(this.group.drainMilliseconds, milliseconds)
  }

  begin(): void {
    this.listening.release()
    this.guard.start()
    signals.on('SIGUSR1', () => this.renewCertificates())
    this.acme?.start()
  }

  end(): void {
    this.acme?.stop()
    this.guard.stop()
  }

  tell(update: HttpUpdate): void {
    this.group.tell(update)
  }

  troubles(): readonly TroubleSource[] {
    const acme = this.acme === null ? [] : [this.acme.troubleSource]
    return [{ name: 'open_files', find: () => this.guard.trouble() }, ...acme]
  }

  /** Returns what would keep the identity from reading new certificates. Ports are open already and need no rights. */
  giveTo(identity: Identity): readonly string[] {
    const { network, privileges } = this.parts.config
    this.acme?.giveTo(identity)
    return reloadProblems(network, privileges, identity)
  }

  private renewCertificates(): void {
    if (this.parts.process.isServing()) this.certificates.begin()
  }

  private ports(): number[] {
    return this.addresses.map(({ port }) => port)
  }

  private heard({ certificates }: TlsWorkerReport): void {
    this.certificates.answered(certificates)
  }
}
