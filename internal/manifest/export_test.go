package manifest

// What the generator of the schema, in package manifest_test, needs of this package.
const InitPackage = initPackage

// Propagations are the values of rootfsPropagation.
var Propagations = propagations
