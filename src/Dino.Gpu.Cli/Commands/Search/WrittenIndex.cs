using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino index</c> wrote, as its JSON has it.</summary>
/// <param name="Out">The file, or the address of a database without its password.</param>
/// <param name="Vectors">How many.</param>
/// <param name="Dimension">Values of each.</param>
/// <param name="Failed">Rows without an embedding, which were left out.</param>
/// <param name="Model">What made the vectors; null if that is not known.</param>
internal sealed record WrittenIndex(string Out, int Vectors, int Dimension, int Failed, Provenance? Model);
