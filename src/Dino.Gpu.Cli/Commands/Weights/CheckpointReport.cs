using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Files;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Shows a checkpoint: its tensors on standard output, the rest on stderr.</summary>
internal sealed class CheckpointReport(CheckpointInfo info, CliConsole console)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    public void WriteJson() => console.Text.WriteLine(JsonSerializer.Serialize(
        new
        {
            info.Path,
            info.FileBytes,
            Sha256 = Checkpoint.Sha256(info.Path),
            Format = FormatName(info.Format),
            Layout = info.Layout is { } layout ? LayoutName(layout) : null,
            info.Branches,
            info.Branch,
            info.Config,
            info.Problem,
            info.Problems,
            info.Ignored,
            info.Tensors,
        },
        Json));

    /// <summary>Writes a table on a terminal, else one tensor per line, separated by tabs.</summary>
    public void Write()
    {
        if (console.OutputIsTerminal)
            WriteTable();
        else
            WriteLines();
        foreach (string line in Describe())
            console.Say(line);
        if (info.Problem is { } problem)
            console.TellError($"the checkpoint cannot be loaded: {problem}", hint: null);
    }

    private void WriteLines()
    {
        foreach (CheckpointTensor tensor in info.Tensors)
        {
            string name = TerminalText.Visible(tensor.Name);
            string line = string.Create(CultureInfo.InvariantCulture, $"{name}\t{tensor.DataType}\t{ShapeText(tensor)}\t{tensor.Bytes}");
            console.Text.WriteLine(line);
        }
    }

    private void WriteTable()
    {
        Table table = TableOutput.Create("tensor", "type", "shape").AddColumn(new TableColumn("bytes").RightAligned());
        foreach (CheckpointTensor tensor in info.Tensors)
            table.Add(tensor.Name, tensor.DataType, ShapeText(tensor), tensor.Bytes.ToString("N0", CultureInfo.InvariantCulture));
        console.Write(table);
    }

    private IEnumerable<string> Describe()
    {
        string layout = info.Layout is { } names ? LayoutName(names) + " names" : "names of another model";
        string branch = info.Branch is null ? "" : $", {info.Branch} of a training checkpoint";
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{info.Path}: {FormatName(info.Format)}, {layout}{branch}, {info.FileBytes:N0} bytes, {info.Tensors.Count} tensors");
        if (info.Config is { } config)
        {
            string blocks = $"{config.LayerCount} layers, {config.HeadCount} heads of {config.HeadSize}, MLP {config.MlpSize}";
            string epsilon = config.LayerNormEpsilon.ToString("R", CultureInfo.InvariantCulture);
            string image = $"patch {config.PatchSize}, image {config.TrainedImageSize}";
            yield return $"ViT: hidden {config.HiddenSize}, {blocks}, {image}, LayerNorm epsilon {epsilon}";
        }

        if (info.Ignored.Count > 0)
        {
            string some = string.Join(", ", info.Ignored.Take(3).Select(MessageText.Quote));
            yield return $"ignored: {info.Ignored.Count} keys outside the ViT, such as {some}";
        }

        foreach (string problem in info.Problems)
            yield return problem;
    }

    private static string FormatName(CheckpointFormat format) => format switch
    {
        CheckpointFormat.TorchZip => "torch",
        CheckpointFormat.TorchLegacy => "torch before 1.6",
        _ => "safetensors",
    };

    private static string LayoutName(CheckpointLayout layout) => layout == CheckpointLayout.HuggingFace ? "Hugging Face" : "original DINO";

    private static string ShapeText(CheckpointTensor tensor) => $"({string.Join(", ", tensor.Shape)})";
}
