using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino models</c>: lists the published models that run here.</summary>
internal static class ModelsCommand
{
    private const string Examples = """
        dino models
        # one of them, into a folder of its own below weights/
        dino weights pull dinov2-small
        # its speed on this machine, without a download
        dino bench --weights synthetic:dinov2-small
        """;

    private const string Notes = """
        Tokens and GFLOP are those of one image at the model's usual input size; GFLOP counts the matrix products of a pass that returns
        every token. Other ViTs of the same kinds run too.
        """;

    public static Command Create(CliConsole console)
    {
        Option<bool> json = Parsing.Json("Print a JSON array.");
        var command = new CliCommand("models", "List the published models, their size, cost and license.", Examples, Notes) { json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json))
                console.WriteJson(WriteJson, indented: true);
            else if (console.OutputIsTerminal)
                WriteTable(console);
            else
                WriteLines(console);
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteTable(CliConsole console)
    {
        Table table = TableOutput.OfNumbers("model", "parameters", "input", "tokens", "GFLOP").AddColumn("license");
        foreach (PublishedModel model in PublishedModel.All)
            table.Add(Cells(model));
        console.Write(table);
    }

    private static void WriteLines(CliConsole console)
    {
        foreach (PublishedModel model in PublishedModel.All)
            console.Text.WriteLine(string.Join('\t', Cells(model)));
    }

    private static string[] Cells(PublishedModel model) =>
    [
        model.Name,
        string.Create(CultureInfo.InvariantCulture, $"{model.ParameterCount / 1e6:F1} M"),
        model.Config.DefaultInputSize.ToString(CultureInfo.InvariantCulture),
        Shape(model).TokenCount.ToString(CultureInfo.InvariantCulture),
        (Operations(model) / 1e9).ToString("F1", CultureInfo.InvariantCulture),
        model.License + (model.IsGated ? ", gated" : ""),
    ];

    private static void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (PublishedModel model in PublishedModel.All)
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("repository", model.Repository);
            json.WriteNumber("parameters", model.ParameterCount);
            json.WriteNumber("inputSize", model.Config.DefaultInputSize);
            json.WriteNumber("hiddenSize", model.Config.HiddenSize);
            json.WriteNumber("layers", model.Config.LayerCount);
            json.WriteNumber("patchSize", model.Config.PatchSize);
            json.WriteNumber("registers", model.Config.RegisterCount);
            json.WriteNumber("tokens", Shape(model).TokenCount);
            json.WriteNumber("operations", Operations(model));
            json.WriteString("license", model.License);
            json.WriteBoolean("gated", model.IsGated);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static VitShape Shape(PublishedModel model)
    {
        VitConfig config = model.Config;
        return new VitShape(config, config.DefaultInputSize, config.DefaultInputSize);
    }

    private static long Operations(PublishedModel model) =>
        VitCost.Total(Shape(model), new ForwardRequest(1, allTokens: true, hiddenStates: false, attentionLayers: 0));
}
