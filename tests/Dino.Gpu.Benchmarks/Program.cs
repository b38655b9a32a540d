using BenchmarkDotNet.Running;
using Dino.Gpu.Benchmarks.Peers;

// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- peers [--threads N] [--rounds N]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- --filter "*Gemm*"
if (args is ["peers", ..])
    return PeerComparison.Run(args[1..]);
BenchmarkSwitcher.FromAssembly(typeof(PeerComparison).Assembly).Run(args);
return 0;
