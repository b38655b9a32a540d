using Dino.Gpu.Data.Embedding;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Shows on stderr how a long command is getting on.</summary>
internal interface IProgressDisplay : IEmbeddingProgress, IDisposable;
