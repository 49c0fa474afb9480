import { WeirError } from '../../base/errors.ts'
import { actionOf, type CloudAction } from './action.ts'
import { oneOf, type Parameter, required, text } from './parameters.ts'
import type { CloudThings } from './things.ts'

/** The parameter RegionId. Throws MissingParameter, InvalidRegionId.NotFound. */
export const knownRegion = (things: Pick<CloudThings, 'regions'>): Parameter<string> => ({
  read(given, name) {
    const id = required(text()).read(given, name)
    if (things.regions().some((each) => each.id === id)) return id
    throw new WeirError(
      'InvalidRegionId.NotFound',
      'The RegionId provided does not exist in our records.',
    )
  },
})

export const regionActions = (things: Pick<CloudThings, 'regions'>): readonly CloudAction[] => [
  actionOf('2016-04-28', 'DescribeRegions', {
    // Every product is in each region, and names are known in one language.
    parameters: { AcceptLanguage: oneOf(['zh-CN', 'en-US', 'ja']), ProductType: text() },
    resources: () => ['*'],
    run: () => ({
      Regions: {
        Region: things.regions().map(({ id, name }) => ({
          RegionId: id,
          LocalName: name,
          RegionEndpoint: `vpc.${id}.aliyuncs.com`,
        })),
      },
    }),
  }),
]
