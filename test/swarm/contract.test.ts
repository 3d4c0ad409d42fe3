// Runs the contract of swarms for the kinds of peer rows that UDP uses.
import { swarmContract } from '../contract/swarm.ts'
import { FAMILIES, FamilyHarness } from './harness.ts'
import { checkInvariants } from './invariants.ts'

for (const family of FAMILIES) {
  swarmContract(family, () => {
    const harness = new FamilyHarness(family)
    return Object.assign(harness, { check: () => void checkInvariants(harness.harness) })
  })
}
