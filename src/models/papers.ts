/** A paper that the models come from. */
export interface Paper {
  title: string;
  authors: string;
  year: number;
  url: string;
}

const arxiv = (id: string) => `https://arxiv.org/abs/${id}`;

/** The papers, by the key that notebooks and tables use. */
export const PAPERS = {
  vgg: {
    title: 'Very Deep Convolutional Networks for Large-Scale Image Recognition',
    authors: 'Simonyan, Zisserman',
    year: 2015,
    url: arxiv('1409.1556'),
  },
  resnet: {
    title: 'Deep Residual Learning for Image Recognition',
    authors: 'He, Zhang, Ren, Sun',
    year: 2016,
    url: arxiv('1512.03385'),
  },
  identityMappings: {
    title: 'Identity Mappings in Deep Residual Networks',
    authors: 'He, Zhang, Ren, Sun',
    year: 2016,
    url: arxiv('1603.05027'),
  },
  wideResnet: {
    title: 'Wide Residual Networks',
    authors: 'Zagoruyko, Komodakis',
    year: 2016,
    url: arxiv('1605.07146'),
  },
  resnext: {
    title: 'Aggregated Residual Transformations for Deep Neural Networks',
    authors: 'Xie, Girshick, Dollár, Tu, He',
    year: 2017,
    url: arxiv('1611.05431'),
  },
} as const satisfies Record<string, Paper>;
