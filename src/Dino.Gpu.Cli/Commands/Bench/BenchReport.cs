using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Files;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// What <c>dino bench</c> measured, as its JSON has it. Times are medians in seconds, rates are per second.
/// </summary>
internal sealed record BenchReport
{
    public required string Device { get; init; }

    public required string Name { get; init; }

    public required string Driver { get; init; }

    public required string Version { get; init; }

    /// <summary>Threads of the CPU device and of decoding.</summary>
    public required int Threads { get; init; }

    /// <summary>For example <c>hidden 384, 12 layers, patch 16, 224x224</c>.</summary>
    public required string Model { get; init; }

    /// <summary>As <c>--precision</c> takes it.</summary>
    public required string Precision { get; init; }

    /// <summary>
    /// The peak that <see cref="PeakFlops"/> and the shares refer to: <c>fp32 multiply-add peak</c>, or for example
    /// <c>bf16 tensor peak</c>.
    /// </summary>
    public required string PeakOf { get; init; }

    /// <summary>
    /// Floating-point operations per second that the units of the products reach in registers, measured.
    /// </summary>
    public required double PeakFlops { get; init; }

    public required IReadOnlyList<BatchResult> ModelOnly { get; init; }

    public required IReadOnlyList<StepResult> Steps { get; init; }

    /// <summary>Our float32 products beside those of cuBLAS. Empty without cuBLAS, and for other precisions.</summary>
    public required IReadOnlyList<ProductResult> Products { get; init; }

    /// <summary>JPEGs decoded and resized on one core; empty where the model alone was asked for.</summary>
    public required IReadOnlyList<DecodeResult> Decode { get; init; }

    /// <summary>Null where the model alone was asked for.</summary>
    public required EndToEndResult? EndToEnd { get; init; }

    public void WriteJson(CliConsole console) => console.WriteJson(this, CommandJson.Default.BenchReport);

    public void WriteTables(CliConsole console)
    {
        TextWriter output = console.Text;
        string device = TerminalText.Line($"{Device}: {Name}, {Driver}");
        output.WriteLine($"{device}; {Threads} threads; dino {Version}");
        output.WriteLine($"{Model}, {Precision}; measured {PeakOf} {Giga(PeakFlops)} GFLOP/s");
        output.WriteLine();

        Table batches = TableOutput.OfNumbers("batch", "output", "ms", "images/s", "GFLOP/s", $"share of {PeakOf}");
        foreach (BatchResult result in ModelOnly)
        {
            batches.Add(
                $"{result.Batch}",
                result.Outputs,
                Number(result.Seconds * 1e3, 1),
                Number(result.ImagesPerSecond, 1),
                Giga(result.Flops), Percent(result.ShareOfPeak));
        }

        console.Write(batches.Title("model only"));

        Table steps = TableOutput.OfNumbers("step", "ms/image", "share of time", "GFLOP/s", $"share of {PeakOf}");
        foreach (StepResult step in Steps)
        {
            bool products = step.Flops > 0;
            steps.Add(
                step.Name,
                Number(step.SecondsPerImage * 1e3, 3),
                Percent(step.ShareOfTime),
                products ? Giga(step.Flops) : "", products ? Percent(step.ShareOfPeak) : "");
        }

        console.Write(steps.Title($"steps, cls, batch {ModelOnly[^1].Batch}"));
        WriteProducts(console);
        if (EndToEnd is null)
            return;
        Table decode = TableOutput.OfNumbers("JPEG", "decoder", "images/s a core");
        foreach (DecodeResult result in Decode)
            decode.Add(result.Size, result.Decoder, Number(result.ImagesPerSecond, 1));
        console.Write(decode.Title("decode and resize, one core"));
        output.WriteLine(
            $"end to end: {Quantity.Of(EndToEnd.Images, "image")} ({EndToEnd.Source}), batch {EndToEnd.Batch}: "
            + $"{Number(EndToEnd.ImagesPerSecond, 1)} images/s, {Percent(EndToEnd.ShareOfModelOnly)} of model only; "
            + $"decode and resize {Number(EndToEnd.DecodeAndResizeSeconds * 1e3, 1)} ms an image on one thread");
    }

    private void WriteProducts(CliConsole console)
    {
        if (Products.Count == 0)
            return;
        Table products = TableOutput.OfNumbers("product", "rows x columns x depth", "GFLOP/s", "cuBLAS GFLOP/s", "ours / cuBLAS");
        foreach (ProductResult product in Products)
        {
            string ratio = Percent(product.Flops / product.CublasFlops);
            products.Add(product.Name, product.Shape, Giga(product.Flops), Giga(product.CublasFlops), ratio);
        }

        console.Write(products.Title("fp32 products, each alone"));
    }

    private static string Number(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    private static string Giga(double value) => Number(value / 1e9, 0);

    private static string Percent(double share) => $"{Number(share * 100, 1)} %";
}
