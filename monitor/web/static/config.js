// What the server wrote into the page: title, mode, features.

const config = JSON.parse(document.getElementById("vqmon-config").textContent);

export const title = config.title;
export const isReport = config.mode === "report";
export const pools = config.pools;

const features = new Map(config.features.map((feature) => [feature.name, feature]));

/** Description of a feature; one that no metric describes gets its bare name. */
export function featureOf(name) {
  return (
    features.get(name) ?? {
      name, title: name, unit: "", metric: "", summary: "", reference: "", display: null, minimum: null, maximum: null,
      higher_is_better: null, pool: "mean", zero: "", no_data: "", leading: false,
    }
  );
}
