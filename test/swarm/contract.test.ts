// Runs the contract of swarms for every kind of peer rows.
import { type MakeSwarm, swarmContract } from '../contract/swarm.ts'
import { swarmFairness } from '../contract/swarm-fairness.ts'
import { FAMILIES, FamilyHarness } from './harness.ts'
import { checkInvariants } from './invariants.ts'

for (const family of FAMILIES) {
  const make: MakeSwarm = () => {
    const swarm = new FamilyHarness(family)
    return Object.assign(swarm, { check: () => void checkInvariants(swarm.harness) })
  }
  swarmContract(family, make)
  swarmFairness(family, make, family === 'websocket')
}
