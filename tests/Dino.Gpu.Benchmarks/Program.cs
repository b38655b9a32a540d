using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Dino.Gpu.Benchmarks.Classification;
using Dino.Gpu.Benchmarks.Kernels;
using Dino.Gpu.Benchmarks.Models;
using Dino.Gpu.Benchmarks.Peers;
using Dino.Gpu.Benchmarks.Search;
using Dino.Gpu.Benchmarks.Serving;
using Dino.Gpu.Benchmarks.TrainedWeights;

// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- peers [--threads N] [--rounds N] [--batches N,N]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- models
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- shares [--threads N] [--batch N] [--rounds N] [--float32]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- search
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- index [--count N] [--folder DIR]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- approximate [--count N] [--folder DIR] [--precision NAME,NAME] [--uniform]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- probe [--threads N]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- serving [--batch N] [--callers N] [--calls N] [--sample DLL]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- serve [--clients N] [--requests N] [--rounds N] [--batch N]
// dotnet run -c Release -p:WithTrainedWeights=true --project tests/Dino.Gpu.Benchmarks -- weights [--layers]
// dotnet run -c Release --project tests/Dino.Gpu.Benchmarks -- --filter "*Gemm*"
if (args is ["peers", ..])
    return PeerComparison.Run(args[1..]);
if (args is ["models"])
    return ModelSweep.Run();
if (args is ["shares", ..])
    return OpShares.Run(args[1..]);
if (args is ["search"])
    return SearchBenchmark.Run();
if (args is ["index", ..])
    return IndexBenchmark.Run(args[1..]);
if (args is ["approximate", ..])
    return ApproximateBenchmark.Run(args[1..]);
if (args is ["probe", ..])
    return ProbeBenchmark.Run(args[1..]);
if (args is ["serving", ..])
    return await ServingBenchmark.RunAsync(args[1..]);
if (args is ["serve", ..])
    return await HttpBenchmark.RunAsync(args[1..]);
if (args is ["weights", ..])
    return WeightNoise.Run(args[1..]);

// In this process: the kernels are internal, and one build is enough.
IConfig config = DefaultConfig.Instance
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
    .AddColumn(StatisticColumn.Median, new RateColumn(share: false), new RateColumn(share: true))
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(40))
    .HideColumns(Column.Error, Column.StdDev, Column.Mean, Column.RatioSD);
BenchmarkSwitcher.FromAssembly(typeof(PeerComparison).Assembly).Run(args, config);
return 0;
